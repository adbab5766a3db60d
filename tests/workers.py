"""Which tests one of several worker processes of a test run takes as a whole."""

from xdist.scheduler import LoadScopeScheduling

# Folders whose tests share a server, a browser or both, which take longer to start than most tests to run.
SHARING = ("tests/browser/", "tests/endurance/")


def group_of(nodeid: str) -> str:
    """Return what has to run in one process: the tests of a file, or of a folder that shares more."""
    file = nodeid.split("::", 1)[0]
    return next((folder for folder in SHARING if file.startswith(folder)), file)


class ByWhatIsShared(LoadScopeScheduling):
    """Gives a worker the next group when it has done the one before."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
