variable "brand" { type = string }

resource "zendesk_trigger" "escalate" {
  title  = "Escalate outages"
  active = true

  all {
    field    = "update_type"
    operator = "is"
    value    = "Create"
  }
  any {
    field    = "current_tags"
    operator = "includes"
    value    = "outage down"
  }
  any {
    field    = "priority"
    operator = "is"
    value    = "urgent"
  }

  action {
    field = "priority"
    value = "urgent"
  }
  action {
    field = "notification_webhook"
    value = jsonencode([
      zendesk_webhook.pager.id,
      jsonencode({ id = "{{ticket.id}}", who = "{{ticket.requester.name}}" })
    ])
  }
}

resource "zendesk_trigger" "by_brand" {
  title = "Tickets of a brand"
  conditions = {
    all = [
      { field = "brand_id", operator = "is", value = var.brand },
      { field = "via_id", operator = "includes", values = ["4", "5"] },
    ]
  }
  actions = [
    { field = "custom_field", custom_field_id = 4420, value = "gold" },
    { field = "notification_webhook", target = "01JHOOK", value = <<-EOT
      {"id": "{{ticket.id}}", "note": "{% if ticket.priority == "Urgent" %}now{% endif %}"}
    EOT
    },
  ]
}
