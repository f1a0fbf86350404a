/** The parts of `ringfort --help` that commander cannot know. */

export const HELP_BEFORE = "Ringfort: S3-compatible object storage.\n";

export const HELP_AFTER = `
Examples:
  ringfort server /data                       one folder, no redundancy
  ringfort server /mnt/drive{1...4}           four drives; any two may be lost
  ringfort server --address :9000 --certs-dir /etc/ringfort/certs /mnt/drive{1...8}
  ringfort server http://node{1...4}/mnt/drive{1...2}
                                              four machines, all started with the same list
  ringfort server --join TOKEN /mnt/drive{1...2}
                                              a new machine for a running cluster
  ringfort server --config /etc/ringfort.yaml
  ringfort config show /mnt/drive{1...4}      what would be in force, and why
  ringfort admin user add alice SECRET --policy readwrite
  ringfort cluster status                     nodes and drives of a cluster; more: ringfort cluster --help

Environment:
  RINGFORT_ROOT_USER, RINGFORT_ROOT_PASSWORD  the root account (default minioadmin, minioadmin)
  RINGFORT_DRIVES                             the drives, instead of DIR...
  RINGFORT_MEMORY                             memory for object data in flight, e.g. 512MiB
  Every setting has a variable, and MinIO's MINIO_ variables work too; RINGFORT_ wins.
  All of them: ringfort config document

Ports:
  9000  S3, admin API, metrics, health checks
  9001  web console
  19000 other nodes of a cluster

Exit codes: 0 stopped as asked, 1 failed, 2 wrong command line or settings,
3 this node was removed from its cluster.`;

export const SERVER_HELP_AFTER = `
DIR is a drive. Three dots expand: {1...4}, {01...12}, {a...f}; several patterns multiply.
URLs name the drives of all machines of a cluster; every one is started with the same list.

Examples:
  ringfort server /data
  ringfort server --json /mnt/drive{1...4}
  MINIO_ROOT_USER=admin MINIO_ROOT_PASSWORD=... ringfort server --console-address :9001 /data`;
