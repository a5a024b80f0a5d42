-- How many of the known events of an accepted request came with another body than at first.
ALTER TABLE deliveries ADD COLUMN differed INTEGER;
