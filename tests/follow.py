"""A browser for tests: opens a page and follows its redirects."""

import sys
import urllib.request

urllib.request.urlopen(sys.argv[1], timeout=30).read()  # noqa: S310
