resource "zendesk_trigger" "refers" {
  count  = 2
  title  = "Refers to other resources"
  active = var.enabled
  all {
    field    = "custom_fields_${zendesk_ticket_field.plan.id}"
    operator = "is"
    value    = "gold"
  }
  all {
    field = "update_type"
    value = "Create"
  }
  action {
    field = "group_id"
    value = zendesk_group.second.id
  }
  action {
    field = "notification_webhook"
    value = jsonencode([zendesk_webhook.chat.id, templatefile("payload.json", { brand = var.brand })])
  }
}
