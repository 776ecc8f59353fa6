# A database for a cluster in which every node takes writes; it begins without data of a cluster. Variables: NAME and ADDRESS, of the host;
# LIBRARY, Galera's. The data are where they outlive a crash of the host, and are left as they are when it comes back.
home=/var/log/replicated
mkdir -p /run/mysqld "$home"
chown mysql:mysql /run/mysqld "$home"
chmod 755 /var/log
cat >/etc/mysql/replicated.cnf <<END
[mysqld]
user=mysql
datadir=$home/data
socket=/run/mysqld/mysqld.sock
pid-file=/run/mysqld/mysqld.pid
bind-address=0.0.0.0
skip-name-resolve=1
binlog-format=ROW
innodb-autoinc-lock-mode=2
innodb-buffer-pool-size=16M
innodb-log-file-size=8M
performance-schema=off
wsrep-on=on
wsrep-provider=$LIBRARY
wsrep-cluster-name=lab
wsrep-cluster-address=gcomm://node1,node2,node3
wsrep-node-name=$NAME
wsrep-node-address=$ADDRESS
wsrep-sst-method=rsync
wsrep-provider-options=gcache.size=8M
END
[ ! -d "$home/data" ] || exit 0
mariadb-install-db --defaults-file=/etc/mysql/replicated.cnf --wsrep-on=off --user=mysql --skip-test-db --auth-root-authentication-method=normal \
    >/var/log/mariadb.out 2>&1
mariadbd --defaults-file=/etc/mysql/replicated.cnf --wsrep-on=off --skip-networking >>/var/log/mariadb.out 2>&1 &
until mariadb -S /run/mysqld/mysqld.sock -e 'select 1' >/dev/null 2>&1; do sleep 0.1; done
mariadb -S /run/mysqld/mysqld.sock -e 'create database service; create table service.kept (line integer primary key) engine=innodb'
mariadb-admin -S /run/mysqld/mysqld.sock shutdown
wait
