"""The time that a build of these sources says it was made at: the same in each build of them."""

import os
import subprocess
from datetime import datetime, timezone


def source_date(root):
    """SOURCE_DATE_EPOCH as builders set it, else the time of the commit, else that of the changelog,
    which an archive of a commit keeps.
    Source: https://reproducible-builds.org/specs/source-date-epoch/"""
    seconds = os.environ.get('SOURCE_DATE_EPOCH')
    if not seconds and (root / '.git').exists():
        # Who builds as root need not own the checkout. Where git is not installed, nothing is known of the commit.
        try:
            seconds = subprocess.run(['git', '-C', str(root), '-c', f'safe.directory={root}', 'log', '-1', '--format=%ct'],
                                     check=True, capture_output=True, text=True).stdout
        except (OSError, subprocess.CalledProcessError):
            pass
    return datetime.fromtimestamp(int(seconds or (root / 'CHANGELOG.md').stat().st_mtime), timezone.utc)
