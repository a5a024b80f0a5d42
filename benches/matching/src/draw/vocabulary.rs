//! Values of a large help desk, skewed: organizations, people, groups, tags, words.

use super::random::Random;

pub const PRIORITIES: &[(&str, usize)] =
    &[("low", 20), ("normal", 50), ("high", 20), ("urgent", 10)];
pub const STATUSES: &[(&str, usize)] = &[
    ("new", 15),
    ("open", 35),
    ("pending", 20),
    ("hold", 5),
    ("solved", 20),
    ("closed", 5),
];
pub const TICKET_TYPES: &[(&str, usize)] = &[
    ("question", 45),
    ("incident", 30),
    ("problem", 10),
    ("task", 15),
];
pub const CHANNELS: &[(&str, usize)] = &[
    ("email", 45),
    ("web", 25),
    ("api", 10),
    ("chat", 8),
    ("voice", 5),
    ("mobile", 4),
    ("rule", 2),
    ("whatsapp", 1),
];
pub const FIELDS: &[(&str, &str)] = &[
    ("Refund amount", "decimal"),
    ("Seats", "integer"),
    ("Contract end", "date"),
    ("Region", "tagger"),
    ("Order number", "text"),
    ("Escalated", "checkbox"),
    ("Serial number", "regexp"),
    ("Root cause", "tagger"),
    ("Environment", "tagger"),
    ("Steps to reproduce", "textarea"),
];
pub const OPENERS: &[&str] = &[
    "Re:",
    "Fwd:",
    "Cannot",
    "How do I",
    "Invoice",
    "Problem with",
    "Question about",
    "URGENT:",
    "Request for",
    "Missing",
    "Broken",
    "Slow",
    "Update on",
    "Cancel",
    "Refund for",
    "Delayed",
];
pub const NAMES: &[&str] = &[
    "Mara", "Ines", "Tomás", "Jonas", "Aiko", "Priya", "Noor", "Lena", "Samir", "Chloé", "Diego",
    "Ewa", "Farid", "Greta", "Hugo", "Iris", "Kofi", "Luca", "Milan", "Nadia",
];
const LAST_NAMES: &[&str] = &[
    "Okafor",
    "Lindqvist",
    "Moreau",
    "Tanaka",
    "Rossi",
    "Novak",
    "Haddad",
    "Silva",
    "Jensen",
    "Kowalska",
    "Osei",
    "Petrov",
    "Quinn",
    "Schäfer",
    "Varga",
    "Yilmaz",
];
pub const WORDS: &[&str] = &[
    "checkout",
    "invoice",
    "login",
    "export",
    "printer",
    "router",
    "refund",
    "delivery",
    "password",
    "report",
    "account",
    "license",
    "upgrade",
    "outage",
    "billing",
    "payment",
    "webhook",
    "mobile",
    "desktop",
    "server",
    "backup",
    "email",
    "calendar",
    "contract",
    "renewal",
    "discount",
    "shipping",
    "warranty",
    "battery",
    "display",
    "keyboard",
    "network",
    "firewall",
    "storage",
    "database",
    "import",
    "dashboard",
    "profile",
    "permission",
    "team",
    "region",
    "language",
    "currency",
    "tax",
    "order",
    "basket",
    "catalogue",
    "supplier",
    "partner",
    "training",
    "survey",
    "feedback",
    "audit",
    "security",
    "privacy",
];
const SENTENCES: &[&str] = &[
    "It worked until yesterday.",
    "Could you look into this today, please?",
    "I tried twice and saw the same page again.",
    "Our café in Montréal sees it too.",
    "See the attached file for details.",
    "Thanks in advance, and have a good week.",
    "The second line says \\\"not allowed\\\".",
    "Nothing changed on our side.",
];

pub const TAGS: usize = WORDS.len() * WORDS.len();
const FIRST_PERSON: usize = 740_011_520_031;

pub fn organization(random: &mut Random) -> i64 {
    (51_200_418 + random.skewed(4_000, 2) * 37) as i64
}

pub fn agent(random: &mut Random) -> i64 {
    (FIRST_PERSON + random.skewed(2_000, 2) * 11) as i64
}

pub fn requester(random: &mut Random) -> i64 {
    (FIRST_PERSON + 100_000 + random.skewed(20_000, 2) * 13) as i64
}

pub fn group(random: &mut Random) -> i64 {
    (2_290_114 + random.skewed(120, 2) * 7) as i64
}

pub fn brand(random: &mut Random) -> i64 {
    (880_031 + random.skewed(12, 2) * 5) as i64
}

pub fn form(random: &mut Random) -> i64 {
    (6_120_075 + random.skewed(30, 2) * 3) as i64
}

pub fn ticket(random: &mut Random) -> i64 {
    random.between(1, 1_000_000)
}

/// The id of a custom field, by its position in the list.
pub fn field(position: usize) -> i64 {
    41_770_100 + position as i64
}

pub fn tag(random: &mut Random) -> String {
    let number = random.skewed(TAGS, 3);
    let (first, second) = (number % WORDS.len(), number / WORDS.len());
    format!("{}_{}", WORDS[first], WORDS[second])
}

pub fn external_id(random: &mut Random) -> String {
    if random.percent(60) {
        return format!("HL-{:05}", random.below(100_000));
    }
    format!("ORD-2026-{:06}", random.below(1_000_000))
}

pub fn subject(random: &mut Random) -> String {
    let opener = random.pick(OPENERS);
    let (one, two, three) = (random.pick(WORDS), random.pick(WORDS), random.pick(WORDS));
    format!("{opener} {one} {two} since the {three} change")
}

pub fn name(random: &mut Random) -> String {
    format!("{} {}", random.pick(NAMES), random.pick(LAST_NAMES))
}

/// A comment, as the inside of a JSON string.
pub fn message(random: &mut Random) -> String {
    let (first, second) = (random.pick(SENTENCES), random.pick(SENTENCES));
    format!("{}.\\n{first} {second}", subject(random))
}
