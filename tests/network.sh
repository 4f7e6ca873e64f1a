#!/usr/bin/env bash
# Trains by two processes on two machines that this one plays: network namespaces with a cable between them that has a delay, which is cut in the
# end. Run as root, after a build with MPI. Equal bits to one process, and what a cut cable leaves.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
place=$(mktemp -d)
trap 'ip netns pids sg2 | xargs -r kill -9 2>/dev/null; ip netns del sg1; ip netns del sg2; rm -rf "$place"' EXIT
ip netns add sg1
ip netns add sg2
ip link add cable1 netns sg1 type veth peer name cable2 netns sg2
for i in 1 2; do
  ip -n sg$i address add 10.97.0.$i/24 dev cable$i
  ip -n sg$i link set lo up
  ip -n sg$i link set cable$i up
done
tc -n sg1 qdisc add dev cable1 root netem delay 1ms || echo "no netem here: the cable has no delay"
# What mpirun takes for ssh: HOST COMMAND...
cat > "$place/to_machine" <<'AGENT'
#!/usr/bin/env bash
shift
exec ip netns exec sg2 unshare --uts bash -c "hostname machine2; $*"
AGENT
chmod +x "$place/to_machine"
by_two() {
  ip netns exec sg1 unshare --uts bash -c 'hostname machine1; exec "$@"' _ \
    mpirun --allow-run-as-root --mca plm_rsh_agent "$place/to_machine" --mca btl tcp,self --mca btl_tcp_if_include 10.97.0.0/24 \
    --mca oob_tcp_if_include 10.97.0.0/24 --mca oob_tcp_keepalive_time 5 --mca oob_tcp_keepalive_intvl 2 --mca oob_tcp_keepalive_probes 3 \
    --host 10.97.0.1:1,10.97.0.2:1 -np 2 "$@"
}
train=(build/apps/mnist_denoise --loss h1 --batch-size 32 --limit-train 320 --limit-test 20 --quiet)
mpirun --allow-run-as-root -np 1 "${train[@]}" --steps 8 --out "$place/alone"
by_two "${train[@]}" --steps 8 --out "$place/two"
cmp "$place/alone/model.safetensors" "$place/two/model.safetensors"
echo "two machines: the bits of one process"

(sleep 15; ip -n sg1 link set cable1 down; echo "the cable is cut") &
status=0
timeout 90 bash -c "$(declare -f by_two); place=$place; by_two ${train[*]} --steps 100000 --checkpoint-seconds 1 --out $place/cut" || status=$?
echo "mpirun ended with status $status"
ip netns pids sg2 | xargs -r kill -9
ip netns pids sg1 | xargs -r kill -9
steps=$(tail -n 1 "$place/cut/metrics.csv" | cut -d, -f1)
mpirun --allow-run-as-root -np 1 "${train[@]:0:1}" --resume "$place/cut" --steps "$((steps + 20))" --quiet
echo "the run goes on from its checkpoint with one process"
