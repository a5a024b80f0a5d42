resource "zendesk_trigger" "outage" {
  title = "Outage"
  all {
    field    = "update_type"
    operator = "is"
    value    = "Create"
  }
  all {
    field    = "current_tags"
    operator = "includes"
    value    = "outage"
  }
  action {
    field = "priority"
    value = "urgent"
  }
  action {
    field = "notification_webhook"
    value = jsonencode([zendesk_webhook.pager.id, jsonencode({ id = "{{ticket.id}}" })])
  }
}
