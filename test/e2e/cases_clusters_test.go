package e2e

import (
	"path/filepath"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/image"
)

// caseClusters are the clusters that situations happen on. Each is started once.
func caseClusters() map[string]cluster.Config {
	part := func(version string) *cluster.Component { return &cluster.Component{Version: version} }
	with := func(version string, on bool) cluster.Component {
		return cluster.Component{Version: version, FeatureGates: gate(on)}
	}
	return map[string]cluster.Config{
		// Most situations: the last minor whose kubelets can refuse sidecars, and older ones.
		"mixed": {
			APIServers:        []cluster.Component{{Version: "1.32"}},
			ControllerManager: part("1.32"),
			Scheduler:         part("1.32"),
			Nodes: []cluster.Node{
				{Name: "node-132", Component: cluster.Component{Version: "1.32"}},
				{Name: "node-132-off", Component: with("1.32", false)},
				{Name: "node-128", Component: cluster.Component{Version: "1.28"}},
				{Name: "node-128-on", Component: with("1.28", true)},
				{Name: "node-127", Component: cluster.Component{Version: "1.27"}},
			},
		},
		"newest": {
			APIServers:        []cluster.Component{{Version: "1.36"}},
			ControllerManager: part("1.36"),
			Scheduler:         part("1.36"),
			Nodes:             []cluster.Node{{Name: "node-136", Component: cluster.Component{Version: "1.36"}}},
		},
		"healthy": {
			APIServers:        []cluster.Component{{Version: "1.36"}},
			ControllerManager: part("1.36"),
			Scheduler:         part("1.36"),
			Nodes:             []cluster.Node{{Name: "node-136", Component: cluster.Component{Version: "1.36"}}},
			FakeNodes:         []cluster.FakeNode{{Name: "fake-0"}, {Name: "fake-1"}, {Name: "fake-2"}},
		},
		"apiserver-off": {
			APIServers:        []cluster.Component{{Version: "1.28"}},
			ControllerManager: part("1.28"),
			Nodes:             []cluster.Node{{Name: "node-128", Component: cluster.Component{Version: "1.28"}}},
		},
		"scheduler-off-128": {
			APIServers:        []cluster.Component{with("1.28", true)},
			ControllerManager: part("1.28"),
			Scheduler:         part("1.28"),
			FakeNodes:         []cluster.FakeNode{{Version: "1.28"}},
		},
		// As disagreeing, until the first API server is given the gate, which no other situation there could bear.
		"agreeing": {
			APIServers:        []cluster.Component{with("1.32", false), with("1.32", true)},
			ControllerManager: part("1.32"),
			Scheduler:         part("1.32"),
			Nodes:             []cluster.Node{{Name: "node-132", Component: cluster.Component{Version: "1.32"}}},
		},
		// One of its nodes is lost.
		"losing": {
			APIServers:        []cluster.Component{{Version: "1.36"}},
			ControllerManager: &cluster.Component{Version: "1.36", Flags: []string{"--node-monitor-grace-period=60s"}},
			Scheduler:         part("1.36"),
			Nodes: []cluster.Node{
				{Name: "node-lost", Component: cluster.Component{Version: "1.36"}},
				{Name: "node-136", Component: cluster.Component{Version: "1.36"}},
			},
		},
		// Its kubelet looks at what pods write.
		"full": {
			APIServers:        []cluster.Component{{Version: "1.36"}},
			ControllerManager: part("1.36"),
			Scheduler:         part("1.36"),
			Nodes:             []cluster.Node{{Name: "node-136", Component: cluster.Component{Version: "1.36", Flags: []string{"--local-storage-capacity-isolation=true"}}}},
		},
		// The controllers work through the first API server, which drops the field.
		"disagreeing": {
			APIServers:        []cluster.Component{with("1.32", false), with("1.32", true)},
			ControllerManager: part("1.32"),
			Scheduler:         &cluster.Component{Version: "1.32", FeatureGates: gate(false)},
			FakeNodes:         []cluster.FakeNode{{Version: "1.32"}},
		},
	}
}

// furnish gives a cluster what its situations find there.
func (st *stage) furnish(name string) error {
	switch name {
	case "mixed":
		if err := st.nameImage("registry.example/istio/proxyv2:1.20.0"); err != nil {
			return err
		}
		if err := st.webhooks(); err != nil {
			return err
		}
		return st.refusingPolicy()
	case "newest":
		return st.strippingPolicy()
	}
	return nil
}

// nameImage puts an image like that of the tests under the name of a well-known proxy.
func (st *stage) nameImage(name string) error {
	tool, err := binaries.Program(st.ctx, ".", "./test/cluster/image/tool")
	if err != nil {
		return err
	}
	archive := filepath.Join(st.cluster.Dir(), "proxy.tar")
	// With the same contents it would be the same image under two names.
	err = image.Image{Name: name, Files: map[string]string{"/tool": tool}, Entrypoint: []string{"/tool"}, Cmd: []string{"pause"}}.WriteFile(archive)
	for _, node := range st.cluster.Kubelets {
		if err == nil {
			err = node.Import(st.ctx, archive)
		}
	}
	return err
}
