# A Redis that keeps what it takes in memory, and answers other hosts.
mkdir -p /run/redis /var/lib/replicated
chown redis:redis /run/redis /var/lib/replicated
cat >/etc/redis/replicated.conf <<END
bind 0.0.0.0
protected-mode no
dir /var/lib/replicated
logfile /var/lib/replicated/log
save ""
repl-diskless-sync-delay 0
END
