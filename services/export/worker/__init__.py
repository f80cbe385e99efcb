"""Workers: processes that make the files of exports, any number on any number of machines."""
