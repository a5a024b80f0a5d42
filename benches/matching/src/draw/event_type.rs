//! The thirty ticket event types of ZIS envelopes, with their frequency and their own fields.

use super::random::Random;

#[derive(Clone, Copy)]
pub struct EventType {
    /// The name in rules, without `ticket.`.
    pub tag: &'static str,
    /// The name in the envelope.
    pub display: &'static str,
    pub own: Own,
    weight: usize,
}

/// The fields of a type in addition to the ticket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// `previous` and `current`, both ids.
    Ids(Pool),
    Priority,
    Status,
    TicketType,
    Text,
    ExternalId,
    Time,
    Tags,
    People,
    Comment,
    CommentId,
    Attachment,
    AttachmentId,
    CustomField,
    Merge,
    Nothing,
}

/// The source of ids.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    Agent,
    Requester,
    Organization,
    Group,
    Brand,
    Form,
    Ticket,
}

const fn event_type(
    tag: &'static str,
    display: &'static str,
    own: Own,
    weight: usize,
) -> EventType {
    EventType {
        tag,
        display,
        own,
        weight,
    }
}

pub const TYPES: [EventType; 30] = [
    event_type("CommentAdded", "Comment Created", Own::Comment, 6),
    event_type("StatusChanged", "Status Changed", Own::Status, 6),
    event_type("TagsChanged", "Tags Changed", Own::Tags, 5),
    event_type("TicketCreated", "Ticket Created", Own::Nothing, 5),
    event_type(
        "CustomFieldChanged",
        "Custom Field Changed",
        Own::CustomField,
        5,
    ),
    event_type(
        "AgentAssignmentChanged",
        "Agent Assignment Changed",
        Own::Ids(Pool::Agent),
        4,
    ),
    event_type(
        "GroupAssignmentChanged",
        "Group Assignment Changed",
        Own::Ids(Pool::Group),
        4,
    ),
    event_type("PriorityChanged", "Priority Changed", Own::Priority, 4),
    event_type(
        "OrganizationChanged",
        "Organization Changed",
        Own::Ids(Pool::Organization),
        3,
    ),
    event_type(
        "RequesterChanged",
        "Requester Changed",
        Own::Ids(Pool::Requester),
        3,
    ),
    event_type("SubjectChanged", "Subject Changed", Own::Text, 3),
    event_type(
        "TicketTypeChanged",
        "Ticket Type Changed",
        Own::TicketType,
        3,
    ),
    event_type("CcsChanged", "Email CCs Changed", Own::People, 3),
    event_type("FollowersChanged", "Followers Changed", Own::People, 3),
    event_type(
        "AttachmentLinkedToComment",
        "Attachment Linked to Comment",
        Own::Attachment,
        3,
    ),
    event_type(
        "AttachmentRedactedFromComment",
        "Attachment Redacted from Comment",
        Own::AttachmentId,
        2,
    ),
    event_type("BrandChanged", "Brand Changed", Own::Ids(Pool::Brand), 2),
    event_type(
        "CommentMadePrivate",
        "Comment Made Private",
        Own::CommentId,
        2,
    ),
    event_type("CommentRedacted", "Comment Redacted", Own::Comment, 2),
    event_type("DescriptionChanged", "Description Changed", Own::Text, 2),
    event_type(
        "ExternalIdChanged",
        "External ID Changed",
        Own::ExternalId,
        2,
    ),
    event_type("TicketFormChanged", "Form Changed", Own::Ids(Pool::Form), 2),
    event_type(
        "ProblemLinkChanged",
        "Problem Link Changed",
        Own::Ids(Pool::Ticket),
        2,
    ),
    event_type(
        "SubmitterChanged",
        "Submitter Changed",
        Own::Ids(Pool::Requester),
        2,
    ),
    event_type("TaskDueAtChanged", "Task Due At Changed", Own::Time, 2),
    event_type("MarkedAsSpam", "Ticket Marked as Spam", Own::Nothing, 2),
    event_type("TicketMerged", "Ticket Merged", Own::Merge, 2),
    event_type(
        "TicketPermanentlyDeleted",
        "Ticket Permanently Deleted",
        Own::Nothing,
        2,
    ),
    event_type("TicketSoftDeleted", "Ticket Soft Deleted", Own::Nothing, 2),
    event_type("TicketUndeleted", "Ticket Undeleted", Own::Nothing, 2),
];

pub fn draw(random: &mut Random) -> &'static EventType {
    static WEIGHTS: [(usize, usize); 30] = {
        let mut weights = [(0, 0); 30];
        let mut number = 0;
        while number < 30 {
            weights[number] = (number, TYPES[number].weight);
            number += 1;
        }
        weights
    };
    &TYPES[random.weighted(&WEIGHTS)]
}
