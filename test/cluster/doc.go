// Package cluster starts real Kubernetes clusters on this machine, of any
// mixture of versions and feature gates, for tests and for the demo:
//
//	c, err := cluster.Start(ctx, cluster.Config{
//		APIServers: []cluster.Component{{Version: "1.32", FeatureGates: map[string]bool{"SidecarContainers": false}}},
//		ControllerManager: &cluster.Component{Version: "1.32"},
//	})
//	if err != nil {
//		t.Fatal(err)
//	}
//	defer c.Stop()
//	version, err := c.Client().ServerVersion()
//
// It is not built on controller-runtime's envtest, which starts one API
// server on a loopback address: several API servers with host names of their
// own, controllers, and kubelets in network namespaces that API servers reach
// and that reach API servers, would have been code around it rather than
// with it. KUBEBUILDER_ASSETS is honoured all the same.
//
// Control planes and fake nodes need Linux and nothing else. Nodes also need
// root and a few packages; CanRunNodes says what is missing. While there are
// nodes, fs.inotify.max_user_instances is at least 1024.
//
// Nothing outlives the process that called Start. Children carry a death
// signal; a node is a PID, mount, network and cgroup namespace which the
// kernel takes down as a whole; a keeper process outlives this one, removes
// what the kernel does not, and is itself made up for by the next Start.
package cluster
