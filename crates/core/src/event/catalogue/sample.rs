//! Sample events by type, as the help desk sends them: the files of `examples/events/`.

macro_rules! sample {
    ($source:literal, $name:literal, $file:literal) => {
        Sample {
            source: $source,
            name: $name,
            file: concat!("examples/events/", $file, ".json"),
            text: include_str!(concat!("../../../../../examples/events/", $file, ".json")),
        }
    };
}

/// One file of `examples/events/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub source: &'static str,
    pub name: &'static str,
    /// The path from the root of the project.
    pub file: &'static str,
    pub text: &'static str,
}

/// The sample of an event type, if there is one.
pub fn sample(source: &str, name: &str) -> Option<&'static Sample> {
    SAMPLES
        .iter()
        .find(|s| s.source == source && s.name == name)
}

#[rustfmt::skip]
pub static SAMPLES: &[Sample] = &[
    sample!("support", "ticket.AgentAssignmentChanged", "zis/agent-assignment-changed"),
    sample!("support", "ticket.AttachmentLinkedToComment", "zis/attachment-linked-to-comment"),
    sample!("support", "ticket.AttachmentRedactedFromComment", "zis/attachment-redacted-from-comment"),
    sample!("support", "ticket.BrandChanged", "zis/brand-changed"),
    sample!("support", "ticket.CcsChanged", "zis/ccs-changed"),
    sample!("support", "ticket.CommentAdded", "zis/comment-added"),
    sample!("support", "ticket.CommentMadePrivate", "zis/comment-made-private"),
    sample!("support", "ticket.CommentRedacted", "zis/comment-redacted"),
    sample!("support", "ticket.CustomFieldChanged", "zis/custom-field-changed-tagger"),
    sample!("support", "ticket.DescriptionChanged", "zis/description-changed"),
    sample!("support", "ticket.ExternalIdChanged", "zis/external-id-changed"),
    sample!("support", "ticket.FollowersChanged", "zis/followers-changed"),
    sample!("support", "ticket.GroupAssignmentChanged", "zis/group-assignment-changed"),
    sample!("support", "ticket.MarkedAsSpam", "zis/marked-as-spam"),
    sample!("support", "ticket.OrganizationChanged", "zis/organization-changed"),
    sample!("support", "ticket.PriorityChanged", "zis/priority-changed"),
    sample!("support", "ticket.ProblemLinkChanged", "zis/problem-link-changed"),
    sample!("support", "ticket.RequesterChanged", "zis/requester-changed"),
    sample!("support", "ticket.StatusChanged", "zis/status-changed"),
    sample!("support", "ticket.SubjectChanged", "zis/subject-changed"),
    sample!("support", "ticket.SubmitterChanged", "zis/submitter-changed"),
    sample!("support", "ticket.TagsChanged", "zis/tags-changed"),
    sample!("support", "ticket.TaskDueAtChanged", "zis/task-due-at-changed"),
    sample!("support", "ticket.TicketCreated", "zis/ticket-created"),
    sample!("support", "ticket.TicketFormChanged", "zis/ticket-form-changed"),
    sample!("support", "ticket.TicketMerged", "zis/ticket-merged"),
    sample!("support", "ticket.TicketPermanentlyDeleted", "zis/ticket-permanently-deleted"),
    sample!("support", "ticket.TicketSoftDeleted", "zis/ticket-soft-deleted"),
    sample!("support", "ticket.TicketTypeChanged", "zis/ticket-type-changed"),
    sample!("support", "ticket.TicketUndeleted", "zis/ticket-undeleted"),
    sample!("support", "ticket.CustomStatusChanged", "webhook/custom-status-changed"),
    sample!("support", "user.UserRoleChanged", "zis/user-role-changed"),
    sample!("support", "user.UserCreated", "zis/user-created"),
    sample!("support", "organization.TagsChanged", "zis/organization-tags-changed"),
    sample!("support", "customobject.CustomObjectRecordCreated", "zis/custom-object-record-created"),
    sample!("support", "user.Deleted", "webhook/user-deleted"),
    sample!("support", "organization.NameChanged", "webhook/organization-name-changed"),
    sample!("support", "messaging_ticket.MessageAdded", "webhook/message-added"),
    sample!("support", "article.Published", "webhook/article-published"),
    sample!("support", "community_post.Created", "webhook/community-post-created"),
    sample!("support", "agent.StateChanged", "webhook/agent-state-changed"),
    sample!("support", "agent.UnifiedStateChanged", "webhook/agent-unified-state-changed"),
    sample!("support", "omnichannel_config.OmnichannelRoutingFeatureChanged", "webhook/omnichannel-routing-feature-changed"),
    sample!("upmind", "ticket_message.ClientPosted", "upmind/client-posted"),
    sample!("upmind", "ticket_message.ClientUpdated", "upmind/client-updated"),
    sample!("upmind", "ticket_message.ClientDeleted", "upmind/client-deleted"),
    sample!("upmind", "ticket_message.StaffReplied", "upmind/staff-replied"),
    sample!("upmind", "ticket_message.StaffReplyUpdated", "upmind/staff-reply-updated"),
    sample!("upmind", "ticket_message.InternalNoteWritten", "upmind/internal-note-written"),
    sample!("upmind", "ticket_message.InternalNoteUpdated", "upmind/internal-note-updated"),
    sample!("upmind", "ticket_message.PrivatePostedToLead", "upmind/private-posted-to-lead"),
    sample!("upmind", "ticket_message.PrivateDeleted", "upmind/private-deleted"),
    sample!("upmind", "ticket_message.UserDeleted", "upmind/user-deleted"),
    sample!("upmind", "ticket_message.LeadPosted", "upmind/lead-posted"),
    sample!("clock", "clock.Tick", "clock/tick"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::catalogue::Catalogue;
    use crate::event::format::decode;

    #[test]
    fn every_sample_has_its_type() {
        for sample in SAMPLES {
            let value = serde_json::from_str(sample.text).expect(sample.file);
            let event = decode(value, Catalogue::built_in()).expect(sample.file);
            assert_eq!(event.source, sample.source, "{}", sample.file);
            assert_eq!(event.event_type, sample.name, "{}", sample.file);
        }
    }
}
