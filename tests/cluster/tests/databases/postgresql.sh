# A database on each host, the others copies of the first one's. Variables: BIN, where PostgreSQL's programs are; FIRST, the address of
# the host that has the data, empty on that host itself.
home=/var/lib/replicated
mkdir -p /run/postgresql "$home/archive" "$home/tmp"
chown -R postgres:postgres /run/postgresql "$home"
chmod 700 "$home"
as() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
cd "$home"
if [ -n "$FIRST" ]; then
    as "$BIN/pg_basebackup" -h "$FIRST" -U postgres -D "$home/data" -X stream --checkpoint=fast --no-sync
    exit
fi
as "$BIN/initdb" -D "$home/data" --auth=trust --no-sync >/dev/null
cat >>"$home/data/postgresql.conf" <<END
listen_addresses = '*'
unix_socket_directories = '/run/postgresql'
wal_level = replica
max_wal_senders = 10
hot_standby = on
wal_keep_size = '64MB'
restart_after_crash = off
fsync = off
END
echo 'host all all 10.77.0.0/24 trust' >>"$home/data/pg_hba.conf"
echo 'host replication all 10.77.0.0/24 trust' >>"$home/data/pg_hba.conf"
as "$BIN/pg_ctl" -D "$home/data" -w -l "$home/log" start >/dev/null
as "$BIN/psql" -h /run/postgresql -q -c 'create table kept (line integer)'
