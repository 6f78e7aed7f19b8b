"""The database: transactions, migrations, and the reads that the store and the reports share."""
