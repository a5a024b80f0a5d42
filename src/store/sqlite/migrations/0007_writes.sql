-- Which steps of a run write to the system that sent its event, so that only a run that wrote there is named as a cause:
-- a JSON list of {steps, actor, flow}. NULL for runs that an older version planned.
ALTER TABLE runs ADD COLUMN writes TEXT;
