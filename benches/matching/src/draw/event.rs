//! Generates ZIS envelopes as bytes, in the format of `examples/events/zis/`, about 0.7 KB each.
//! The same seed and number give the same bytes.

use super::event_type::{self, EventType, Own, Pool};
use super::random::Random;
use super::vocabulary as words;

/// Returns a number of events, all of one type if it is given.
pub fn events(seed: u64, count: usize, only: Option<&'static EventType>) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| {
            let mut random = Random::new(seed, number);
            let event_type = only.unwrap_or_else(|| event_type::draw(&mut random));
            envelope(event_type, number, &mut random).into_bytes()
        })
        .collect()
}

/// One event of each type.
pub fn one_of_each(seed: u64) -> Vec<Vec<u8>> {
    let of_type = |event_type| events(seed, 1, Some(event_type));
    event_type::TYPES.iter().flat_map(of_type).collect()
}

fn envelope(event_type: &EventType, number: usize, random: &mut Random) -> String {
    let ticket = Ticket::draw(random);
    let total = random.between(1, 4);
    let position = random.between(1, total);
    format!(
        r#"{{"account_id":48213907,"integration_key":"harborlane_triage","subdomain":"harborlane","input":{{"ticket_event":{{"meta":{{"version":"1.0","occurred_at":"{now}","ref":"4-{reference}","sequence":{{"id":"{sequence:032X}","position":{position},"total":{total}}}}},"type":"{display}",{own}"ticket":{ticket}}}}}}}"#,
        now = moment(random),
        reference = 7_719_024_583 + number,
        sequence = (number as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835),
        display = event_type.display,
        own = own(event_type.own, &ticket, random),
        ticket = ticket.json(random),
    )
}

struct Ticket {
    id: i64,
    kind: Option<&'static str>,
    priority: Option<&'static str>,
    status: &'static str,
    requester: i64,
    assignee: Option<i64>,
    organization: Option<i64>,
    group: i64,
    brand: i64,
    form: i64,
    external_id: Option<String>,
    tags: Vec<String>,
    channel: &'static str,
}

impl Ticket {
    fn draw(random: &mut Random) -> Self {
        Self {
            id: words::ticket(random),
            kind: some(85, random, |r| r.weighted(words::TICKET_TYPES)),
            priority: some(90, random, |r| r.weighted(words::PRIORITIES)),
            status: random.weighted(words::STATUSES),
            requester: words::requester(random),
            assignee: some(85, random, words::agent),
            organization: some(90, random, words::organization),
            group: words::group(random),
            brand: words::brand(random),
            form: words::form(random),
            external_id: some(60, random, words::external_id),
            tags: (0..random.below(6)).map(|_| words::tag(random)).collect(),
            channel: random.weighted(words::CHANNELS),
        }
    }

    fn json(&self, random: &mut Random) -> String {
        // A ticket without an external id has no such key.
        let external_id = match &self.external_id {
            Some(id) => format!(r#""external_id":"{id}","#),
            None => String::new(),
        };
        format!(
            r#"{{"id":{id},"created_at":"{created}","updated_at":"{updated}","type":{kind},"priority":{priority},"status":"{status}","requester_id":{requester},"submitter_id":{requester},"assignee_id":{assignee},"organization_id":{organization},"group_id":{group},"brand_id":{brand},"form_id":{form},{external_id}"tags":{tags},"via":{{"channel":"{channel}"}}}}"#,
            id = self.id,
            created = moment(random),
            updated = moment(random),
            kind = text(self.kind),
            priority = text(self.priority),
            status = self.status,
            requester = self.requester,
            assignee = id(self.assignee),
            organization = id(self.organization),
            group = self.group,
            brand = self.brand,
            form = self.form,
            tags = list(&self.tags),
            channel = self.channel,
        )
    }

    fn from(&self, pool: Pool) -> Option<i64> {
        match pool {
            Pool::Agent => self.assignee,
            Pool::Requester => Some(self.requester),
            Pool::Organization => self.organization,
            Pool::Group => Some(self.group),
            Pool::Brand => Some(self.brand),
            Pool::Form => Some(self.form),
            Pool::Ticket => Some(self.id / 2 + 1),
        }
    }
}

/// Returns the type's own fields, each followed by a comma.
fn own(own: Own, ticket: &Ticket, random: &mut Random) -> String {
    match own {
        Own::Ids(pool) => {
            let before = some(85, random, |r| drawn(pool, r));
            change(&id(before), &id(ticket.from(pool)))
        }
        Own::Priority => {
            let before = some(85, random, |r| r.weighted(words::PRIORITIES));
            change(&text(before), &text(ticket.priority))
        }
        Own::Status => {
            let before = random.weighted(words::STATUSES);
            change(&text(Some(before)), &text(Some(ticket.status)))
        }
        Own::TicketType => {
            let before = some(70, random, |r| r.weighted(words::TICKET_TYPES));
            change(&text(before), &text(ticket.kind))
        }
        Own::Text => {
            let (before, after) = (words::subject(random), words::subject(random));
            change(&text(Some(&before)), &text(Some(&after)))
        }
        Own::ExternalId => {
            let before = some(50, random, words::external_id);
            change(
                &text(before.as_deref()),
                &text(ticket.external_id.as_deref()),
            )
        }
        Own::Time => {
            let (before, after) = (moment(random), moment(random));
            change(&text(Some(&before)), &text(Some(&after)))
        }
        Own::Tags => {
            let gone: Vec<String> = (0..random.below(3)).map(|_| words::tag(random)).collect();
            let added = &ticket.tags[..ticket.tags.len().min(2)];
            format!(
                r#""tags_added":{},"tags_removed":{},"#,
                list(added),
                list(&gone)
            )
        }
        Own::People => {
            let (one, two) = (words::agent(random), words::agent(random));
            format!(r#""users_added":[{one},{two}],"users_removed":[],"#)
        }
        Own::Comment => comment(random),
        Own::CommentId => format!(r#""comment_id":{},"#, 60_000_000 + ticket.id),
        Own::Attachment => format!(
            r#""attachment":{{"id":{id},"content_url":"https://harborlane.example/attachments/token/Qz{id}/","content_type":"text/plain","filename":"{word}.txt","is_public":true,"comment_id":{id}}},"#,
            id = 330_915 + ticket.id,
            word = random.pick(words::WORDS),
        ),
        Own::AttachmentId => format!(r#""attachment_id":{},"#, 330_915 + ticket.id),
        Own::CustomField => custom_field(random),
        Own::Merge => format!(r#""target_ticket_id":{},"#, words::ticket(random)),
        Own::Nothing => String::new(),
    }
}

fn comment(random: &mut Random) -> String {
    format!(
        r#""comment":{{"id":{id},"body":"{body}","is_public":{public},"author":{{"id":{author},"name":"{name}","is_staff":{staff}}}}},"#,
        id = 60_000_000 + random.below(9_000_000),
        body = words::message(random),
        public = random.percent(70),
        author = words::requester(random),
        name = words::name(random),
        staff = random.percent(45),
    )
}

fn custom_field(random: &mut Random) -> String {
    let index = random.skewed(words::FIELDS.len(), 2);
    let (title, kind) = words::FIELDS[index];
    let (before, after) = (random.pick(words::WORDS), random.pick(words::WORDS));
    format!(
        r#""custom_field":{{"id":{id},"raw_title":"{title}","field_type":"{kind}"}},{change}"#,
        id = words::field(index),
        change = change(&text(Some(before)), &text(Some(after))),
    )
}

pub fn drawn(pool: Pool, random: &mut Random) -> i64 {
    match pool {
        Pool::Agent => words::agent(random),
        Pool::Requester => words::requester(random),
        Pool::Organization => words::organization(random),
        Pool::Group => words::group(random),
        Pool::Brand => words::brand(random),
        Pool::Form => words::form(random),
        Pool::Ticket => words::ticket(random),
    }
}

fn some<T>(chance: usize, random: &mut Random, draw: impl Fn(&mut Random) -> T) -> Option<T> {
    random.percent(chance).then(|| draw(random))
}

fn change(before: &str, after: &str) -> String {
    format!(r#""previous":{before},"current":{after},"#)
}

fn text(text: Option<&str>) -> String {
    text.map_or("null".to_owned(), |text| format!("\"{text}\""))
}

fn id(id: Option<i64>) -> String {
    id.map_or("null".to_owned(), |id| id.to_string())
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| text(Some(item))).collect();
    format!("[{}]", items.join(","))
}

fn moment(random: &mut Random) -> String {
    let (day, hour) = (random.between(1, 28), random.between(0, 23));
    let (minute, second) = (random.between(0, 59), random.between(0, 59));
    format!("2026-03-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
