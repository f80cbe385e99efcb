"""The maker of each format."""

from __future__ import annotations

from functools import partial

from services.export.formats import csv_table, parquet_table
from services.export.formats.har import make_har
from services.export.formats.html import make_html
from services.export.formats.making import Maker
from services.export.formats.picture import make_picture
from services.export.formats.reports import make_report
from services.export.formats.rrweb import make_rrweb_json
from services.export.formats.tables import make_table
from services.export.formats.video import make_video
from services.export.model import VIDEO_FORMATS, ExportFormat

MAKERS: dict[ExportFormat, Maker] = {
    ExportFormat.JSON: make_rrweb_json,
    ExportFormat.HAR: make_har,
    ExportFormat.HTML: make_html,
    ExportFormat.CSV: partial(
        make_table, opened=csv_table.csv_writer, suffix="csv", content_type=csv_table.CONTENT_TYPE
    ),
    ExportFormat.PARQUET: partial(
        make_table, opened=parquet_table.parquet_writer, suffix="parquet", content_type=parquet_table.CONTENT_TYPE
    ),
    **dict.fromkeys(VIDEO_FORMATS, make_video),
    ExportFormat.PNG: make_picture,
    ExportFormat.PDF: make_report,
}
"""Other formats are not offered: a format is added here and in `model.FORMATS`."""
