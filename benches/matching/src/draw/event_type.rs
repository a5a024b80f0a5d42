//! The thirty ticket types of the catalogue, how often each comes and what it brings of its own.
//! It refuses the types that only event webhooks have: the samples are ZIS envelopes.

use super::random::Random;

#[derive(Clone, Copy)]
pub struct EventType {
    /// As rules say it, without `ticket.`.
    pub tag: &'static str,
    /// As the envelope says it.
    pub display: &'static str,
    pub own: Own,
    weight: usize,
}

/// The fields that a type has beside the ticket's.
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

/// Where ids come from.
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

const fn of(tag: &'static str, display: &'static str, own: Own, weight: usize) -> EventType {
    EventType {
        tag,
        display,
        own,
        weight,
    }
}

pub const TYPES: [EventType; 30] = [
    of("CommentAdded", "Comment Created", Own::Comment, 6),
    of("StatusChanged", "Status Changed", Own::Status, 6),
    of("TagsChanged", "Tags Changed", Own::Tags, 5),
    of("TicketCreated", "Ticket Created", Own::Nothing, 5),
    of(
        "CustomFieldChanged",
        "Custom Field Changed",
        Own::CustomField,
        5,
    ),
    of(
        "AgentAssignmentChanged",
        "Agent Assignment Changed",
        Own::Ids(Pool::Agent),
        4,
    ),
    of(
        "GroupAssignmentChanged",
        "Group Assignment Changed",
        Own::Ids(Pool::Group),
        4,
    ),
    of("PriorityChanged", "Priority Changed", Own::Priority, 4),
    of(
        "OrganizationChanged",
        "Organization Changed",
        Own::Ids(Pool::Organization),
        3,
    ),
    of(
        "RequesterChanged",
        "Requester Changed",
        Own::Ids(Pool::Requester),
        3,
    ),
    of("SubjectChanged", "Subject Changed", Own::Text, 3),
    of(
        "TicketTypeChanged",
        "Ticket Type Changed",
        Own::TicketType,
        3,
    ),
    of("CcsChanged", "Email CCs Changed", Own::People, 3),
    of("FollowersChanged", "Followers Changed", Own::People, 3),
    of(
        "AttachmentLinkedToComment",
        "Attachment Linked to Comment",
        Own::Attachment,
        3,
    ),
    of(
        "AttachmentRedactedFromComment",
        "Attachment Redacted from Comment",
        Own::AttachmentId,
        2,
    ),
    of("BrandChanged", "Brand Changed", Own::Ids(Pool::Brand), 2),
    of(
        "CommentMadePrivate",
        "Comment Made Private",
        Own::CommentId,
        2,
    ),
    of("CommentRedacted", "Comment Redacted", Own::Comment, 2),
    of("DescriptionChanged", "Description Changed", Own::Text, 2),
    of(
        "ExternalIdChanged",
        "External ID Changed",
        Own::ExternalId,
        2,
    ),
    of("TicketFormChanged", "Form Changed", Own::Ids(Pool::Form), 2),
    of(
        "ProblemLinkChanged",
        "Problem Link Changed",
        Own::Ids(Pool::Ticket),
        2,
    ),
    of(
        "SubmitterChanged",
        "Submitter Changed",
        Own::Ids(Pool::Requester),
        2,
    ),
    of("TaskDueAtChanged", "Task Due At Changed", Own::Time, 2),
    of("MarkedAsSpam", "Ticket Marked as Spam", Own::Nothing, 2),
    of("TicketMerged", "Ticket Merged", Own::Merge, 2),
    of(
        "TicketPermanentlyDeleted",
        "Ticket Permanently Deleted",
        Own::Nothing,
        2,
    ),
    of("TicketSoftDeleted", "Ticket Soft Deleted", Own::Nothing, 2),
    of("TicketUndeleted", "Ticket Undeleted", Own::Nothing, 2),
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
