#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A NetworkManager and a UPower on the bus of DBUS_SYSTEM_BUS_ADDRESS, as far as bitsd asks them.
Lines on stdin: "metered N", "battery 0|1", "come", "leave"; each is answered by "ok"."""
import sys

import dbus
import dbus.bus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

PROPERTIES = "org.freedesktop.DBus.Properties"


class Thing(dbus.service.Object):
    def __init__(self, bus, path, interface, name, value):
        super().__init__(bus, path)
        self.interface, self.name, self.value = interface, name, value

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        if (interface, name) != (self.interface, self.name):
            raise dbus.exceptions.DBusException("no such property")
        return self.value

    @dbus.service.signal(PROPERTIES, signature="sa{sv}as")
    def PropertiesChanged(self, interface, changed, invalidated):
        pass

    def change(self, value):
        self.value = value
        self.PropertiesChanged(self.interface, {self.name: value}, [])


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus, loop = dbus.SystemBus(), GLib.MainLoop()
    network = Thing(bus, "/org/freedesktop/NetworkManager", "org.freedesktop.NetworkManager", "Metered",
                    dbus.UInt32(0))
    power = Thing(bus, "/org/freedesktop/UPower", "org.freedesktop.UPower", "OnBattery",
                  dbus.Boolean(False))
    names = (network.interface, power.interface)

    def command(*_):
        line = sys.stdin.readline().split()
        if not line:
            loop.quit()
            return False
        if line[0] == "metered":
            network.change(dbus.UInt32(int(line[1])))
        elif line[0] == "battery":
            power.change(dbus.Boolean(line[1] == "1"))
        elif line[0] == "come":
            for name in names:
                bus.request_name(name)
        elif line[0] == "leave":
            for name in names:
                bus.release_name(name)
        print("ok", flush=True)
        return True

    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, command)
    loop.run()


if __name__ == "__main__":
    main()
