//! Reports reads of `$.account_id` and `$.subdomain` that the events of a source do not have and that the
//! configuration does not set.

use crate::compile::bundle::JobSpecTrigger;
use crate::compile::bundle::check::path_reads::PathRead;
use crate::config::Config;
use crate::diagnostic::Code;
use crate::flow::bundle_document::SourceAccount;
use crate::language::resolver::NameResolver;

/// The sources that start a flow and lack a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountGaps {
    /// Sources whose events may have no account id.
    id: Option<String>,
    /// Sources whose events may have no subdomain.
    subdomain: Option<String>,
}

impl AccountGaps {
    /// The gaps of the job specs that start one flow.
    pub fn of<'t>(triggers: impl Iterator<Item = &'t JobSpecTrigger<'t>>, config: &Config) -> Self {
        let mut gaps = Self::default();
        for source in triggers.filter_map(|trigger| trigger.source.as_deref()) {
            let accounts = || config.accounts().filter(|account| account.source == source);
            let all = |has: fn(&SourceAccount) -> bool| {
                accounts().next().is_some() && accounts().all(|a| has(&a))
            };
            // Every event of Zendesk names its account by id.
            if source != "support" && !all(|account| account.id.is_some()) {
                gaps.id.get_or_insert_with(|| source.to_owned());
            }
            if !all(|account| account.subdomain.is_some()) {
                gaps.subdomain.get_or_insert_with(|| source.to_owned());
            }
        }
        gaps
    }

    /// Checks a read of a top-level key of the event's document.
    pub fn check(&self, read: &PathRead, key: &str, names: &mut NameResolver<'_>) {
        let (source, example) = match key {
            "account_id" => (&self.id, "12345"),
            "subdomain" => (&self.subdomain, "YOURS"),
            _ => return,
        };
        let Some(source) = source.as_ref().filter(|_| !read.may_be_absent) else {
            return;
        };
        let message = format!("`$.{key}` is not in every event of `{source}`");
        let help = format!(
            "set it in flowtrigger.yaml: `sources: {{ {source}: {{ {key}: {example} }} }}`"
        );
        names.not_configured(Code::UndefinedName, read.at, message, &help);
    }
}
