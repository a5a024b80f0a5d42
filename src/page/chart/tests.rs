//! Tests of the charts: their geometry, and the table behind each.

use super::*;

fn band(values: &[f64]) -> Band {
    Band {
        name: "matched",
        class: "f1",
        values: values.iter().map(|value| Some(*value)).collect(),
    }
}

#[test]
fn numbers_are_readable() {
    assert_eq!(thousands(0), "0");
    assert_eq!(thousands(999), "999");
    assert_eq!(thousands(1_234_567), "1,234,567");
    let shown = [0.0004, 0.039, 1.26, 45.0, 600.0, 90_000.0].map(duration);
    assert_eq!(
        shown,
        ["400 µs", "39 ms", "1.3 s", "45 s", "10 min", "25 h"]
    );
    let tops = [0.0, 2.0, 3.0, 9.0, 11.0, 41.0].map(nice_top);
    assert_eq!(tops, [2.0, 2.0, 4.0, 10.0, 20.0, 80.0]);
}

#[test]
fn bars_stand_on_one_another() {
    let paths = bar_paths(&[band(&[1.0, 0.0]), band(&[1.0, 2.0])], 2.0);
    assert_eq!(paths[0].data, "M30.0 120.0v-60.0h240.0v60.0z");
    assert_eq!(
        paths[1].data,
        "M30.0 60.0v-60.0h240.0v60.0zM330.0 120.0v-120.0h240.0v120.0z"
    );
}

#[test]
fn lines_have_gaps() {
    let scale = Scale::of(&[band(&[0.02, 0.5])]);
    assert_eq!(scale, Scale { low: -2, high: 0 });
    let data = line(&[Some(0.1), None, Some(1.0), Some(0.01)], scale);
    assert_eq!(data, "M30.0 60.0H75.0M330.0 0.0H375.0L525.0 120.0");
}

#[test]
fn a_chart_has_its_numbers_in_a_table_and_no_inline_style() {
    let columns = Columns {
        labels: ["11:01", "11:02"].map(str::to_owned).to_vec(),
    };
    let chart = Chart {
        id: "c1",
        title: "Events per minute",
        summary: "3 per minute".into(),
        description: "Events".into(),
        columns: &columns,
        bands: vec![band(&[1.0, 2.0])],
        unit: Unit::Count,
    };
    let text = bars(&chart).into_string();
    assert!(text.contains(r#"<th scope="row">11:02</th><td class="r">2</td>"#));
    assert!(text.contains("<title>11:01, matched 1</title>"), "{text}");
    assert!(!text.contains("style="));
    let empty = Chart {
        bands: vec![band(&[])],
        ..chart
    };
    assert!(lines(&empty).into_string().contains("none"));
}
