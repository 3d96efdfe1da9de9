package e2e

import "github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"

// caseClusters are the clusters that situations happen on. Each is started once.
func caseClusters() map[string]cluster.Config {
	part := func(version string) *cluster.Component { return &cluster.Component{Version: version} }
	off := func(version string) cluster.Component {
		return cluster.Component{Version: version, FeatureGates: gate(false)}
	}
	return map[string]cluster.Config{
		// Most situations: the last minor whose kubelets can refuse sidecars, and older ones.
		"mixed": {
			APIServers:        []cluster.Component{{Version: "1.32"}},
			ControllerManager: part("1.32"),
			Scheduler:         part("1.32"),
			Nodes: []cluster.Node{
				{Name: "node-132", Component: cluster.Component{Version: "1.32"}},
				{Name: "node-132-off", Component: off("1.32")},
				{Name: "node-128", Component: cluster.Component{Version: "1.28"}},
				{Name: "node-128-on", Component: cluster.Component{Version: "1.28", FeatureGates: gate(true)}},
				{Name: "node-127", Component: cluster.Component{Version: "1.27"}},
			},
		},
	}
}
