#!/usr/bin/python3 -ES
"""Fence agent of the lab: presses the power button of a host."""
import socket
import sys

META = """<?xml version="1.0" ?>
<resource-agent name="fence_lab" shortdesc="Power of a host of the lab">
  <longdesc>Switches a host of the lab off and on.</longdesc>
  <parameters>
    <parameter name="action"><content type="string" default="reboot"/></parameter>
    <parameter name="port"><content type="string"/></parameter>
  </parameters>
  <actions>
    <action name="on"/><action name="off"/><action name="reboot"/><action name="status"/>
    <action name="list"/><action name="monitor"/><action name="metadata"/>
  </actions>
</resource-agent>"""

options = {"action": "reboot"}
words = iter(sys.argv[1:])
for word in words:
    key, _, value = word.partition("=")
    if key in ("-o", "--action"):
        options["action"] = value or next(words)
if len(sys.argv) == 1:
    for line in sys.stdin:
        key, equals, value = line.strip().partition("=")
        if equals:
            options["port" if key == "plug" else key] = value
action = options["action"]
if action == "metadata":
    print(META)
    sys.exit(0)
request = "list" if action in ("monitor", "list") else f"{action} {options.get('port', '')}"
button = socket.socket(socket.AF_UNIX)
button.connect("/run/lab/power")
button.sendall(request.encode() + b"\n")
answer = button.makefile().read().strip()
if action == "list":
    print("\n".join(f"{name}," for name in answer.split()))
elif action == "status":
    sys.exit(0 if answer == "on" else 2)
elif answer.startswith("failed") and action != "monitor":
    print(answer, file=sys.stderr)
    sys.exit(1)
