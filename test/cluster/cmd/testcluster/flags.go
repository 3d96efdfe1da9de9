package main

import (
	"flag"
	"fmt"
	"strconv"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// parse reads the flags of up and exec and returns what follows them.
func parse(args []string) (cluster.Config, []string, error) {
	var config cluster.Config
	manager, scheduler := cluster.Component{}, cluster.Component{}
	flags := flag.NewFlagSet("testcluster", flag.ContinueOnError)
	flags.Func("control-plane", "version of API server, controller manager and scheduler; again: one more API server", func(text string) error {
		component, _, err := component(text)
		config.APIServers = append(config.APIServers, component)
		if len(config.APIServers) == 1 {
			manager, scheduler = component, component
		}
		return err
	})
	flags.Func("controller-manager", "its version and gates, if others than the first API server's", set(&config.ControllerManager))
	flags.Func("scheduler", "its version and gates, if others than the first API server's", set(&config.Scheduler))
	flags.Func("node", "a node: version and gates of its kubelet", func(text string) error {
		component, name, err := component(text)
		config.Nodes = append(config.Nodes, cluster.Node{Component: component, Name: name})
		return err
	})
	flags.Func("fake-nodes", "N or NxVERSION: nodes without a kubelet", func(text string) error {
		count, version, _ := strings.Cut(text, "x")
		n, err := strconv.Atoi(count)
		for range n {
			config.FakeNodes = append(config.FakeNodes, cluster.FakeNode{Version: version})
		}
		return err
	})
	balancer := flags.String("balancer", "", "RoundRobin or Sticky: a load balancer before the API servers")
	bare := flags.Bool("bare", false, "neither controller manager nor scheduler")
	if err := flags.Parse(args); err != nil {
		return config, nil, err
	}
	config.Balancer = cluster.Balancing(*balancer)
	if config.ControllerManager == nil && !*bare {
		config.ControllerManager = &manager
	}
	if config.Scheduler == nil && !*bare {
		config.Scheduler = &scheduler
	}
	return config, flags.Args(), nil
}

func set(field **cluster.Component) func(string) error {
	return func(text string) error {
		component, _, err := component(text)
		*field = &component
		return err
	}
}

// component reads MINOR[,GATE=BOOL...][,name=NAME].
func component(text string) (c cluster.Component, name string, err error) {
	parts := strings.Split(text, ",")
	c.Version, c.FeatureGates = parts[0], map[string]bool{}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		if key == "name" {
			name = value
			continue
		}
		if c.FeatureGates[key], err = strconv.ParseBool(value); err != nil {
			return c, name, fmt.Errorf("%q is not GATE=true or GATE=false", part)
		}
	}
	return c, name, nil
}
