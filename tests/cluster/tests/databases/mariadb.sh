# A database with the same content on each host. Variable: NUMBER, of the host. Only the first one's log has a transaction, which the
# others count as seen.
home=/var/lib/replicated socket=/run/mysqld/mysqld.sock
mkdir -p /run/mysqld "$home"
chown mysql:mysql /run/mysqld "$home"
cat >/etc/mysql/replicated.cnf <<END
[mysqld]
user=mysql
datadir=$home/data
socket=$socket
pid-file=/run/mysqld/mysqld.pid
bind-address=0.0.0.0
log-bin=binlog
server-id=$NUMBER
gtid-domain-id=1
log-slave-updates=1
skip-name-resolve=1
innodb-flush-log-at-trx-commit=0
innodb-buffer-pool-size=16M
innodb-log-file-size=8M
performance-schema=off
END
mariadb-install-db --defaults-file=/etc/mysql/replicated.cnf --user=mysql --skip-test-db --auth-root-authentication-method=normal >/dev/null 2>&1
mariadbd --defaults-file=/etc/mysql/replicated.cnf --skip-networking >/var/log/mariadb.out 2>&1 &
until mariadb -S "$socket" -e 'select 1' >/dev/null 2>&1; do sleep 0.1; done
table='create table service.kept (line integer primary key)'
case $NUMBER in
1) last="set sql_log_bin=1; $table" ;;
*) last="$table; set global gtid_slave_pos='1-1-1'" ;;
esac
mariadb -S "$socket" -e "set sql_log_bin=0; create user 'copy'@'%' identified by 'secret'; grant all on *.* to 'copy'@'%';
    create database service; reset master; $last"
mariadb-admin -S "$socket" shutdown
wait
