//! Fields that are never a text, so that a text cannot be joined to them.

use crate::event::catalogue::field_type::FieldType;
use crate::language::event_fields::FieldCheck;
use crate::language::resolver::NameResolver;
use crate::path::Path;

impl NameResolver<'_> {
    /// Describes what a path has if it is never a text.
    pub fn never_a_text(&self, path: &Path) -> Option<String> {
        let FieldCheck::Known(types) = self.types_at(&self.with_scope_root(path.clone())) else {
            return None;
        };
        let is_other = |field: &FieldType| match field {
            FieldType::Id
            | FieldType::Integer
            | FieldType::Decimal
            | FieldType::Boolean
            | FieldType::List(_)
            | FieldType::Object => true,
            FieldType::Text
            | FieldType::Time
            | FieldType::Date
            | FieldType::Priority
            | FieldType::Status
            | FieldType::TicketType
            | FieldType::Any => false,
        };
        let first = types.first()?;
        types.iter().all(is_other).then(|| first.describe())
    }
}
