-- Rules that are made of more than one document, or stand beside others in one; waits and settings.

-- The rule's name, where its document makes several.
ALTER TABLE rules ADD COLUMN picked TEXT;
-- Named flows that it runs, a JSON list of {file, line, text}; NULL where it stands alone.
ALTER TABLE rules ADD COLUMN parts TEXT;
