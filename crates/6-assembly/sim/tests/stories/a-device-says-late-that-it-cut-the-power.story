# The host that was fenced is back and has joined when the device says that it is off: its new life is not taken for dead.
{"seed":7,"nodes":3,"resources":5,"episodes":1}
6.000000 {"Health":{"failing":0,"slow":0,"hanging":0,"device_failing":0,"device_slow":100,"lying":0}}
7.000000 {"Crash":{"host":1}}
12.000000 {"Fence":{"host":2}}
30.000000 {"Health":{"failing":0,"slow":0,"hanging":0,"device_failing":0,"device_slow":0,"lying":0}}
