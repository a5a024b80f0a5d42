//! The page of deliveries: what senders posted and what they were answered, newest first, with the same data as
//! `flowtrigger deliveries`.

mod sources;
mod view;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use maud::Markup;
use serde_json::{Value, json};

use crate::page::PageState;
use crate::page::answer::PageView;
use crate::page::live::NewRows;
use crate::page::page_error::PageError;
use crate::page::page_request::PageRequest;
use crate::page::reader::HistoryReadError;
use crate::page::session::PageUser;
use crate::page::shell::{PagePosition, Section};
use crate::report::deliveries::json::row_json;
use crate::source::admin::AdminApi;
use crate::store::history::{
    DeliveryCount, DeliveryFilter, DeliveryRow, DeliveryTotals, EventQuery, EventRow,
    EventSelector, HistoryError,
};
use crate::store::{DeliveryKind, DeliveryOutcome, History};
use sources::SourceActivity;

const PATH: &str = "/deliveries";
/// Requests of one page.
const ROWS: usize = 50;
/// New requests that are counted one by one.
const MAX_NEW: usize = 200;

/// One page of requests.
pub struct DeliveriesPage {
    filter: ShownFilter,
    /// The entries of `sources`.
    sources: Vec<String>,
    rows: Vec<DeliveryRow>,
    totals: DeliveryTotals,
    /// The page of older requests, if there are more.
    older: Option<String>,
    /// The first page with this filter, if this is another one.
    newest: Option<String>,
    live: String,
    /// The stored events of the rows, by their ids, as far as they are kept.
    events: HashMap<String, EventRow>,
    last_hour: Vec<SourceActivity>,
}

/// The filter as it was written, for the form.
#[derive(Debug, Default)]
struct ShownFilter {
    source: String,
    answer: String,
    text: String,
    since: String,
    until: String,
}

/// A status code, or the kind of the answer.
enum AnswerFilter {
    Kind(DeliveryKind),
    Status(u16),
}

impl FromStr for AnswerFilter {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "accepted" => Ok(AnswerFilter::Kind(DeliveryKind::Accepted)),
            "rejected" => Ok(AnswerFilter::Kind(DeliveryKind::Rejected)),
            status => match status.parse() {
                Ok(status @ 100..600) => Ok(AnswerFilter::Status(status)),
                Ok(_) | Err(_) => Err(()),
            },
        }
    }
}

fn filter(request: &PageRequest) -> Result<DeliveryFilter, PageError> {
    let expected = "write `accepted`, `rejected` or an HTTP status such as 400";
    let (kind, status) = match request.parse("status", expected)? {
        None => (None, None),
        Some(AnswerFilter::Kind(kind)) => (Some(kind), None),
        Some(AnswerFilter::Status(status)) => (None, Some(status)),
    };
    let filter = DeliveryFilter {
        source: request.text("source").map(str::to_owned),
        kind,
        status,
        reasons: request
            .texts("reason")
            .into_iter()
            .map(str::to_owned)
            .collect(),
        text: request.text("text").map(str::to_owned),
        since: request.time("since")?,
        until: request.time("until")?,
        before: request.parse("before", "write the number of a request")?,
    };
    match (filter.since, filter.until) {
        (Some(since), Some(until)) if since >= until => {
            let error = PageError::parameter("since", "it is not before `until`");
            Err(error.help("write the earlier time as `since`"))
        }
        (_, _) => Ok(filter),
    }
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<DeliveriesPage, PageError> {
    let filter = filter(&request)?;
    // What was received a moment ago is listed too; without it the list is only a moment behind.
    drop(state.admin.flush().await);
    let asked = filter.clone();
    let now = request.now;
    let sources: Vec<String> = (state.rulebook)().config.sources.keys().cloned().collect();
    let names = sources.clone();
    let read = state.history.read(move |history| {
        let rows = history.deliveries(&asked, ROWS + 1)?;
        let events = events(&rows, history)?;
        let last_hour = SourceActivity::read(&names, now, history)?;
        // The count does not depend on the page.
        let all = DeliveryFilter {
            before: None,
            ..asked
        };
        let totals = history.delivery_totals(&all)?;
        Ok::<_, HistoryReadError>(ReadDeliveries {
            rows,
            totals,
            events,
            last_hour,
        })
    });
    let ReadDeliveries {
        mut rows,
        totals,
        events,
        last_hour,
    } = read.await?;
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let last = rows.last().filter(|_| more).map(|row| row.delivery.id.0);
    let shown = |name| request.text(name).unwrap_or_default().to_owned();
    Ok(DeliveriesPage {
        sources,
        rows,
        totals,
        events,
        last_hour,
        older: last.map(|last| request.link_with(PATH, "before", &last.to_string())),
        newest: filter.before.map(|_| request.link_with(PATH, "before", "")),
        live: request.link_with("/live/deliveries", "before", ""),
        filter: ShownFilter {
            source: shown("source"),
            answer: shown("status"),
            text: shown("text"),
            since: shown("since"),
            until: shown("until"),
        },
    })
}

/// What is read of the database.
struct ReadDeliveries {
    rows: Vec<DeliveryRow>,
    totals: DeliveryTotals,
    events: HashMap<String, EventRow>,
    last_hour: Vec<SourceActivity>,
}

/// The first event of each accepted request.
fn events(
    rows: &[DeliveryRow],
    history: &dyn History,
) -> Result<HashMap<String, EventRow>, HistoryError> {
    let mut found = HashMap::new();
    for row in rows {
        let DeliveryOutcome::Accepted(events) = &row.delivery.outcome else {
            continue;
        };
        let query = EventQuery {
            subject: EventSelector::Id(events.first.clone()),
            endpoint: row.delivery.endpoint.as_deref().map(str::to_owned),
            at: None,
            limit: 1,
        };
        if let Some(event) = history.events(&query)?.pop() {
            found.insert(events.first.clone(), event);
        }
    }
    Ok(found)
}

/// Announces new requests that the filter selects.
pub async fn live<A: AdminApi>(
    State(state): State<Arc<PageState<A>>>,
    request: Request,
) -> Response {
    let asked = match PageRequest::of_query(None, &request) {
        Ok(asked) => filter(&asked),
        Err(response) => return *response,
    };
    let filter = match asked {
        Ok(filter) => filter,
        Err(error) => return (error.status(), error.html()).into_response(),
    };
    let find = move |history: &dyn History, known: Option<u64>| {
        let newest = history.deliveries(&filter, 1)?.pop();
        let newest = newest.map_or(0, |row| row.delivery.id.0);
        let Some(known) = known.filter(|known| *known < newest) else {
            let newest = known.map_or(newest, |known| known.max(newest));
            return Ok(NewRows { newest, count: 0 });
        };
        let rows = history.deliveries(&filter, MAX_NEW)?;
        let new = rows.iter().filter(|row| row.delivery.id.0 > known);
        Ok(NewRows {
            newest,
            count: u64::try_from(new.count()).unwrap_or(u64::MAX),
        })
    };
    let history = state.history.clone();
    state.live.open(history, request.headers(), Arc::new(find))
}

impl PageView for DeliveriesPage {
    fn title(&self) -> String {
        "Deliveries".to_owned()
    }

    fn position(&self) -> PagePosition {
        PagePosition::Section(Section::Deliveries)
    }

    fn json(&self) -> Value {
        let count = |count: &DeliveryCount| {
            json!({
                "listed": count.listed,
                "omitted": count.omitted,
                "perhaps_outside": count.perhaps_outside,
                "oldest": count.oldest.map(|oldest| oldest.to_string()),
            })
        };
        json!({
            "requests": self.rows.iter().map(row_json).collect::<Vec<_>>(),
            "totals": {
                "accepted": count(&self.totals.accepted),
                "rejected": count(&self.totals.rejected),
            },
            "older": self.older,
        })
    }

    fn html(&self, _: &PageUser) -> Markup {
        self.main()
    }
}
