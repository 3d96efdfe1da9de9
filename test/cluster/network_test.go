package cluster

import (
	"net/netip"
	"testing"
)

// All addresses of a cluster are in its own block: a route into the block of
// the next cluster would cut that one off.
func TestAddressesStayInTheirBlock(t *testing.T) {
	n := &network{base: 198<<24 | 18<<16 | 3<<12, bits: 20}
	block := netip.MustParsePrefix(n.address(0) + "/20")
	seen := map[netip.Addr]bool{}
	for i := range maxNodes {
		pods := netip.MustParsePrefix(n.podSubnet(i))
		if !block.Contains(pods.Addr()) || pods != pods.Masked() || seen[pods.Addr()] {
			t.Errorf("pods of node %d: %s", i, pods)
		}
		seen[pods.Addr()] = true
		node := netip.MustParseAddr(n.node(i))
		if !block.Contains(node) || netip.MustParsePrefix(n.podSubnet(0)).Addr().Compare(node) <= 0 {
			t.Errorf("node %d: %s", i, node)
		}
	}
	if last := netip.MustParsePrefix(n.podSubnet(maxNodes)); block.Contains(last.Addr()) {
		t.Errorf("there is room for more than %d nodes", maxNodes)
	}
}
