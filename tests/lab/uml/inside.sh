#!/bin/bash
# Process 1 of the kernel: a core of three routers with OSPF, LDP and VPN routes, two customer hosts, a door to each of them.
# Its root is the machine's own, read-only; $LAB (from the kernel's command line) has keys and sshd's programs in it.
#
#   ce1 - cust1[pe1]c-p1 - c-pe1[p1]c-pe2 - c-p1[pe2]cust1 - ce2      each with eth0 in 10.255.0.0/24
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root MIBS=
mount -t proc proc /proc
mount -t sysfs sys /sys
for folder in /run /var/log /var/tmp /etc/frr /dev/shm; do mount -t tmpfs tmpfs "$folder" 2>/dev/null; done
mkdir -p /dev/pts /run/netns /run/sshd /run/frr /run/lock /var/log/frr
mount -t devpts devpts /dev/pts
chown frr:frr /run/frr /var/log/frr /etc/frr
for module in vrf mpls_router mpls_iptunnel mpls_gso 8021q veth bridge; do modprobe -d "$LAB/modules" "$module"; done

in_node() { local node=$1; shift; ip netns exec "$node" unshare --uts sh -c 'hostname "$0" && exec "$@"' "$node" "$@"; }
cable() { ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"; ip -n "$1" link set "$2" up; ip -n "$3" link set "$4" up; }

ip link set lo up
ip link add br0 type bridge
ip link set br0 up
ip link set vec0 master br0 up
declare -A number=([pe1]=11 [p1]=12 [pe2]=13 [ce1]=21 [ce2]=22)
for node in "${!number[@]}"; do
  ip netns add "$node"
  ip -n "$node" link set lo up
  ip link add "m-$node" type veth peer name eth0 netns "$node"
  ip link set "m-$node" master br0 up
  ip -n "$node" address add "10.255.0.${number[$node]}/24" dev eth0
  ip -n "$node" link set eth0 up
done
cable pe1 c-p1 p1 c-pe1
cable p1 c-pe2 pe2 c-p1
cable ce1 wan pe1 cust1
cable ce2 wan pe2 cust1

interface() { printf 'interface %s\n ip address %s\n ip ospf network point-to-point\n ip ospf hello-interval 1\n ip ospf dead-interval 4\nexit\n' "$1" "$2"; }
labels() { printf 'mpls ldp\n router-id %s\n address-family ipv4\n  discovery transport-address %s\n' "$1" "$1"; shift; printf '  interface %s\n  exit\n' "$@"; printf ' exit-address-family\nexit\n'; }
vpn() { printf 'router bgp 65000\n no bgp default ipv4-unicast\n neighbor %s remote-as 65000\n neighbor %s update-source lo\n neighbor %s timers connect 1\n address-family ipv4 vpn\n  neighbor %s activate\n exit-address-family\nexit\n' "$1" "$1" "$1" "$1"; }
configuration() {
  local node=$1 loopback=10.255.255.${number[$1]}
  printf 'frr defaults traditional\nhostname %s\nservice integrated-vtysh-config\nip forwarding\n' "$node"
  printf 'interface lo\n ip address %s/32\nexit\n' "$loopback"
  case $node in
    pe1) interface c-p1 10.0.12.1/30; labels "$loopback" c-p1; vpn 10.255.255.13 ;;
    p1) interface c-pe1 10.0.12.2/30; interface c-pe2 10.0.23.1/30; labels "$loopback" c-pe1 c-pe2 ;;
    pe2) interface c-p1 10.0.23.2/30; labels "$loopback" c-p1; vpn 10.255.255.11 ;;
  esac
  printf 'router ospf\n ospf router-id %s\n network 10.0.0.0/16 area 0\n network 10.255.255.0/24 area 0\nexit\n' "$loopback"
}

for node in pe1 p1 pe2; do
  in_node "$node" sysctl -qw net.ipv4.ip_forward=1 net.mpls.platform_labels=10000
  for port in c-p1 c-pe1 c-pe2; do in_node "$node" sysctl -qw "net.mpls.conf.$port.input=1" 2>/dev/null; done
  mkdir "/etc/frr/$node"
  configuration "$node" >"/etc/frr/$node/frr.conf"
  : >"/etc/frr/$node/vtysh.conf"
  chown -R frr:frr "/etc/frr/$node"
  for daemon in zebra staticd ospfd ldpd bgpd; do
    in_node "$node" "/usr/lib/frr/$daemon" -d -N "$node" -A 127.0.0.1 $([ "$daemon" = zebra ] && echo -s 8000000)
  done
  in_node "$node" vtysh -N "$node" -b
done
for node in "${!number[@]}"; do
  in_node "$node" /usr/sbin/sshd -f "$LAB/$node/sshd_config" -E /var/log/sshd-"$node".log
done
for _ in $(seq 120); do
  in_node pe1 vtysh -N pe1 -c 'show bgp ipv4 vpn summary' 2>/dev/null | grep -qE '^10\.255\.255\.13 .* [0-9]+ +[0-9]+ +N/A$|^10\.255\.255\.13 .*:[0-9]+:[0-9]+ +[0-9]+ ' && break
  sleep 0.5
done
echo "LAB-READY"
while :; do sleep 60; done
