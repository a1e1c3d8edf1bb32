"""Worker processes that do not outlive who started them."""

import os
import threading
import time


def end_with_parent(parent: int) -> None:
    """Start a watch in a worker, which ends it once its parent is gone: one that was killed says nothing."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, name="medtx-parent", daemon=True).start()
