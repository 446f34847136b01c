"""The process of a node that the master started: `python -m simulator.monitors.vnuma.worker SETTINGS`, in JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from simulator.machine import Stopped
from simulator.monitors import EXIT_LIMIT
from simulator.monitors.vnuma.cluster import Cluster, watch_parent
from simulator.monitors.vnuma.node import NodeMachine


def main(text: str) -> int:
    """Run a node until the machine ends; 0 if it ended as machines do."""
    settings = json.loads(text)
    node = settings["node"]
    cluster = Cluster(node, settings["nodes"], Path(settings["directory"]), watch_parent(settings["parent"]))
    try:
        machine = NodeMachine(settings["memory_len"], cluster)
        cluster.join(machine, settings["loaded"])
        machine.park()
        machine.run(settings["limit"])
        cluster.stop(EXIT_LIMIT)
    except Stopped:
        cluster.report_statistics()
    except ConnectionError as error:
        print(f"simulator: node {node}: {error}", file=sys.stderr)
        return 1
    finally:
        cluster.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
