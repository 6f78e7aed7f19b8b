"""The database: transactions, migrations, and what the store and the reports both read of it."""
