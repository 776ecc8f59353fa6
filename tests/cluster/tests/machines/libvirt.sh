# A libvirtd that lets QEMU emulate machines (there may be no other way here), and whose peers may send it theirs; and a machine for it that
# finds nothing to boot from. Variable: UUID, of the host.
mkdir -p /var/lib/libvirt /etc/libvirt /srv
# Debian's package libvirt-daemon-system would make the user; libvirtd wants its name to mean something.
getent passwd libvirt-qemu >/dev/null || echo 'libvirt-qemu:x:64055:64055::/:/usr/sbin/nologin' >>/etc/passwd
getent group libvirt-qemu >/dev/null || echo 'libvirt-qemu:x:64055:' >>/etc/group
cat >/etc/libvirt/qemu.conf <<END
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
END
cat >/etc/libvirt/libvirtd.conf <<END
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
auth_unix_rw = "none"
unix_sock_group = "root"
host_uuid = "$UUID"
END
cat >/srv/guest.xml <<END
<domain type='qemu'>
  <name>guest</name>
  <uuid>7d6f0a3a-3c1f-4f0e-9d0e-6a1b5b0f2c11</uuid>
  <memory unit='MiB'>24</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <cpu mode='custom'><model>qemu64</model></cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
END
setsid libvirtd --listen --config /etc/libvirt/libvirtd.conf </dev/null >>/var/log/libvirtd.out 2>&1 &
until virsh -c qemu:///system list >/dev/null 2>&1; do sleep 0.1; done
