"""Records of exports in the relational database: tables, migrations, and the store."""
