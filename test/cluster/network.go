package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/rights"
)

// The network of a cluster is a switch, a network namespace with a bridge in
// it, to which this machine and every node are plugged in:
//
//	this machine (API servers)     .0.1 - .0.9
//	nodes                          .0.10 - .0.57
//	pods of node i                 64 addresses from .4.0 on, up to .15.255
//
// All of it is one /20 out of 198.18.0.0/15, which the Internet reserves for
// tests on one bench: no VPN and no pod network uses it. Routes to the pods of
// all nodes that there may ever be are set beforehand, so neither address
// translation nor forwarding on this machine is needed. Everything is gone as
// soon as the processes holding the namespaces are gone.
//
// Without the rights for that there is no such network: API servers listen on loopback
// addresses, and nodes, whose addresses the API server's node proxy refuses
// when they are loopback, are not to be had.
const (
	firstNode = 10
	maxNodes  = 48 // more would have pods in the next cluster's /20
	balancerN = 9  // the last of the machine's own addresses
)

type network struct {
	base    int  // the cluster's first address as a number
	bits    int  // prefix length
	real    bool // with a switch, else on loopback
	link    string
	holder  *process // of the switch's namespace
	machine []string // own addresses
}

func (c *Cluster) newNetwork() *network {
	n := &network{bits: 20, real: rights.Network() == nil, link: c.slot.Interface()}
	if n.real {
		n.base = 198<<24 | 18<<16 | c.slot.Number<<12
	} else {
		// Slots are numbered per user.
		n.base = 127<<24 | (64+os.Getuid()%128)<<16 | c.slot.Number<<12
	}
	for i := 1; i <= balancerN; i++ {
		n.machine = append(n.machine, n.address(i))
	}
	return n
}

func (n *network) address(offset int) string {
	a := n.base + offset
	return fmt.Sprintf("%d.%d.%d.%d", a>>24, a>>16&255, a>>8&255, a&255)
}

// host is the i-th of the machine's own addresses, beginning with 0.
func (n *network) host(i int) string { return n.machine[i] }

func (n *network) node(i int) string { return n.address(firstNode + i) }

func (n *network) podSubnet(i int) string { return n.address(4<<8+64*i) + "/26" }

// routes are the commands that make the pods of all nodes but one known.
func (n *network) routes(device string, except int) string {
	var b strings.Builder
	for i := range maxNodes {
		if i != except {
			fmt.Fprintf(&b, "route add %s via %s dev %s\n", n.podSubnet(i), n.node(i), device)
		}
	}
	return b.String()
}

// up makes the switch and plugs this machine in.
func (n *network) up(ctx context.Context, c *Cluster) error {
	if !n.real {
		return nil
	}
	var err error
	n.holder, err = c.start(program{name: "switch", path: c.keeperPath, args: []string{"hold"}, spaces: netSpace})
	if err != nil {
		return err
	}
	if err := n.inSwitch(ctx, "link set lo up\nlink add br0 type bridge\nlink set br0 up\n"); err != nil {
		return err
	}
	if err := n.plug(ctx, n.link, 0, "port-host"); err != nil {
		return err
	}
	var b strings.Builder
	for _, address := range n.machine {
		fmt.Fprintf(&b, "addr add %s/%d dev %s\n", address, n.bits, n.link)
	}
	fmt.Fprintf(&b, "link set %s up\n", n.link)
	return ip(ctx, b.String()+n.routes(n.link, -1))
}

// plug makes a cable from a namespace, given by a process in it (0: this
// one), to a port of the switch.
func (n *network) plug(ctx context.Context, link string, pid int, port string) error {
	where := ""
	if pid != 0 {
		where = fmt.Sprintf("netns %d ", pid)
	}
	cable := fmt.Sprintf("link add %s %stype veth peer name %s netns %d\n", link, where, port, n.holder.cmd.Process.Pid)
	if err := ip(ctx, cable); err != nil {
		return err
	}
	return n.inSwitch(ctx, fmt.Sprintf("link set %s master br0 up\n", port))
}

func (n *network) inSwitch(ctx context.Context, commands string) error {
	return ip(ctx, commands, "nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", n.holder.cmd.Process.Pid))
}

// ip runs commands of ip(8), one per line, behind another command if given.
func ip(ctx context.Context, commands string, behind ...string) error {
	args := append(behind, "ip", "-batch", "-")
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin = strings.NewReader(commands)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("set up the network: %w: %s", err, out.String())
	}
	return nil
}
