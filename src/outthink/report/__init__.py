"""Reports: what runs and studies found, as one page to walk through and as figures to print."""

from outthink.report.document import document
from outthink.report.folders import run_folders
from outthink.report.html import page
from outthink.report.make import make_document

__all__ = ["document", "make_document", "page", "run_folders"]
