# Process 1 of a host: makes the host's root, then reaps what is left to it until it is killed.
# Arguments: name, number, a folder for the mounts, the folder of its disks, the lab's folder, the folder of the program, hosts as NAME=ADDRESS.
set -e
name=$1 number=$2 base=$3 disks=$4 lab=$5 program=$6
shift 6
hostname "$name"
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" overlay "$base/root"
root=$base/root
mount --bind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
# What outlives a crash of the host.
for disk in etc/corosync var/lib/corosync var/lib/pacemaker var/log; do
    mkdir -p "$disks/$disk" "$root/$disk"
    mount --bind "$disks/$disk" "$root/$disk"
done
# The program is shown where it is built, the power button where the fence agent looks for it.
mkdir -p "$root/run/lab/tools" "$root$program" "$root/run/lock" "$root/run/corosync" "$root/run/crm" "$root/run/resource-agents"
mount --bind "$program" "$root$program"
touch "$root/run/lab/power"
mount --bind "$lab/power" "$root/run/lab/power"
install -m 755 "$lab/fence_lab" "$root/usr/sbin/fence_lab"
# Safety: a host that resets itself must not reset the machine; reboot(2) ends this namespace only.
[ ! -e "$root/proc/sysrq-trigger" ] || mount --bind /dev/null "$root/proc/sysrq-trigger"
# Pacemaker throttles itself by the machine's load, which is other people's.
echo "0.10 0.10 0.10 1/100 100" >"$root/run/lab/loadavg"
mount --bind "$root/run/lab/loadavg" "$root/proc/loadavg"
echo "$name" >"$root/etc/hostname"
printf '%032x\n' "$number" >"$root/etc/machine-id"
echo "127.0.0.1 localhost" >"$root/etc/hosts"
for host; do
    echo "${host#*=} ${host%%=*}" >>"$root/etc/hosts"
done
mkdir -p "$root/var/lib/pacemaker/cib" "$root/var/lib/pacemaker/pengine" "$root/var/lib/pacemaker/cores" "$root/var/lib/pacemaker/blackbox" \
    "$root/var/log/pacemaker" "$root/var/log/corosync"
if getent passwd hacluster >/dev/null; then
    chown hacluster:haclient "$root/run/crm" "$root/var/log/pacemaker" "$root"/var/lib/pacemaker "$root"/var/lib/pacemaker/*
fi
cd "$root"
pivot_root . mnt
cd /
umount -l /mnt
ip link set lo up
touch /run/lab/ready
# Bash reaps every child it inherits while it waits.
while :; do
    sleep 3600 &
    wait $!
done
