"""Faults of the day in which links swallow what they should carry, and routers at their ends lose each other over them.

A router waits forty seconds for its neighbour's word (the dead interval of OSPF) before it gives it up, and finds it again some
seconds after the link carries.
"""

from tests.agent.assurance.day.script import ROOT, SYMPTOM, Fault, Window

PARTED = {"pe1/cross": ROOT, "pe2/cross": ROOT, "lost:pe1/cross": SYMPTOM, "lost:pe2/cross": SYMPTOM}
DEAD = 40
"""Seconds."""

FAULTS: tuple[Fault, ...] = (
    Fault(
        name="a link of a ring swallows everything, and both its ends say whom they lost",
        town="f",
        at="06:20:03",
        steps=((0, "swallow", "cross"), (DEAD, "part", "cross"), (600, "carry", "cross"), (605, "meet", "cross")),
        causes=("link:cross",),
        alarms=PARTED,
        tickets={"Acme": ("link:cross",)},
        within=75,
        down={"line": 565},
        credit={"line": "3.60"},
        why="it is down for as long as its ends say so; what was lost before they knew, no port and no router tells",
    ),
    Fault(
        name="who looks for the fault pulls the cable that swallows",
        town="f",
        at="08:20:03",
        steps=(
            (0, "swallow", "cross"),
            (DEAD, "part", "cross"),
            (300, "cut", "cross"),
            (600, "mend", "cross"),
            (600, "carry", "cross"),
            (630, "meet", "cross"),
        ),
        causes=("link:cross",),
        alarms=PARTED,
        tickets={"Acme": ("link:cross",)},
        within=75,
        down={"line": 560},
        credit={"line": "3.60"},
        why="one problem and one ticket; once its ports are up, the routers have time to find each other",
    ),
    Fault(
        name="a single way swallows everything, and the near end says whom it lost",
        town="f",
        at="10:20:03",
        steps=((0, "swallow", "uplink"), (DEAD, "part", "uplink"), (600, "carry", "uplink"), (605, "meet", "uplink")),
        causes=("element:sw1",),
        alarms={"sw1": ROOT, "sw2": SYMPTOM, "lost:pe2/uplink": ROOT},
        tickets={"Acme": ("element:sw1",), "Bolt": ("element:sw1",)},
        within=75,
        unknown={"web": 671, "tail": 671},
        credit={"web": "3.60"},
        why="the far end cannot be asked, so the element that is silent explains it",
    ),
    Fault(
        name="one end alone has lost its neighbour",
        town="f",
        at="15:20:03",
        steps=((0, "part", "pe1/cross"), (600, "meet", "pe1/cross")),
        alarms={"lost:pe1/cross": ROOT},
        why="a suspicion is no problem: nobody has a ticket, and nothing is down",
    ),
    Fault(
        name="work is announced on a link that swallows everything meanwhile",
        town="f",
        at="14:20:03",
        steps=((0, "swallow", "cross"), (DEAD, "part", "cross"), (600, "carry", "cross"), (605, "meet", "cross")),
        windows=(Window("port", "pe1/cross", -60, 900),),
        causes=("link:cross",),
        alarms=PARTED,
        down={"line": 565},
        why="one end is enough, whichever says so",
    ),
)
