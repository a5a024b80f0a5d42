//! One statement for all rows of a table that are inserted, changed or deleted.

use crate::store::postgres::cell::{Cells, TableColumns};
use crate::store::postgres::session::{Param, Pipeline};

pub fn numbered(params: &[Param]) -> String {
    let places = params.iter().enumerate();
    let places = places.map(|(index, param)| format!("${}::{}", index + 1, param.type_name()));
    places.collect::<Vec<_>>().join(", ")
}

pub fn insert(
    pipeline: &mut Pipeline,
    name: &str,
    table: &TableColumns,
    rows: &[&Cells],
    more: &[(&str, Vec<i64>)],
) {
    if rows.is_empty() {
        return;
    }
    let mut params = Param::columns(table, rows);
    let mut columns = table.list("");
    for (column, values) in more {
        columns.push_str(", ");
        columns.push_str(column);
        params.push(Param::ints(values.iter().copied()));
    }
    let sql = format!(
        "INSERT INTO {name} ({columns}) SELECT * FROM unnest({})",
        numbered(&params)
    );
    pipeline.query(&sql, params);
}

pub fn update(pipeline: &mut Pipeline, name: &str, table: &TableColumns, rows: &[&Cells]) {
    if rows.is_empty() {
        return;
    }
    let params = Param::columns(table, rows);
    let sets = table.columns[table.key..].iter();
    let sets: Vec<String> = sets
        .map(|column| format!("{0} = new.{0}", column.name))
        .collect();
    let sql = format!(
        "UPDATE {name} SET {} FROM unnest({}) AS new({}) WHERE {}",
        sets.join(", "),
        numbered(&params),
        table.list(""),
        same_key(name, table, "new")
    );
    pipeline.query(&sql, params);
}

pub fn delete(pipeline: &mut Pipeline, name: &str, table: &TableColumns, rows: &[Cells]) {
    if rows.is_empty() {
        return;
    }
    let rows: Vec<&Cells> = rows.iter().collect();
    let params: Vec<Param> = Param::columns(table, &rows)
        .into_iter()
        .take(table.key)
        .collect();
    let keys: Vec<&str> = table.columns[..table.key]
        .iter()
        .map(|column| column.name)
        .collect();
    let sql = format!(
        "DELETE FROM {name} USING unnest({}) AS old({}) WHERE {}",
        numbered(&params),
        keys.join(", "),
        same_key(name, table, "old")
    );
    pipeline.query(&sql, params);
}

fn same_key(name: &str, table: &TableColumns, other: &str) -> String {
    let keys = table.columns[..table.key].iter();
    let terms: Vec<String> = keys
        .map(|column| format!("{name}.{0} = {other}.{0}", column.name))
        .collect();
    terms.join(" AND ")
}
