"""The JSON text of rrweb events: chunks joined to arrays, and events found in it. The command line uses it as well."""
