package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// Config says what to start. The zero value is one API server of the newest
// minor there is, and nothing else.
type Config struct {
	// Etcd is this file instead of the one that is built.
	Etcd string
	// APIServers share one etcd. Several of them are a highly available
	// control plane; each has an address and a host name of its own.
	APIServers []Component
	// ControllerManager makes service accounts, ReplicaSets' pods and so on.
	// Without it pods need no service account.
	ControllerManager *Component
	// Scheduler binds pods to nodes. Without it pods name their node.
	Scheduler *Component
	// Balancer puts a load balancer before the API servers.
	Balancer Balancing
	// Audit is the level of the audit log; without one there is none.
	Audit auditv1.Level
	// Nodes are real kubelets, each with a containerd of its own.
	Nodes []Node
	// FakeNodes are Node objects, some of them answered for by a fake kubelet.
	FakeNodes []FakeNode
}

// Component is one Kubernetes component.
type Component struct {
	// Version is a minor, "1.36", or that of Program; the newest there is when empty.
	Version string
	// Program is this file, which is of that version, instead of the one that is built.
	Program string
	// FeatureGates are set on the component. To set a gate that the version
	// does not know, or that is locked, makes it refuse to start.
	FeatureGates map[string]bool
	// Flags come last, so they override what this package sets.
	Flags []string
}

// Balancing is how a load balancer chooses the API server of a connection.
type Balancing string

const (
	// NoBalancer: clients use the first API server.
	NoBalancer Balancing = ""
	// RoundRobin takes the next one for every connection.
	RoundRobin Balancing = "RoundRobin"
	// Sticky takes the same one for every connection from one address, which
	// on one machine means: always the same.
	Sticky Balancing = "Sticky"
)

// complete fills in what was left out and refuses what cannot be started.
func (config Config) complete() (Config, error) {
	if len(config.APIServers) == 0 {
		config.APIServers = []Component{{}}
	}
	if len(config.APIServers) >= balancerN {
		return config, fmt.Errorf("at most %d API servers", balancerN-1)
	}
	config.APIServers = slices.Clone(config.APIServers)
	var err error
	for i := range config.APIServers {
		if config.APIServers[i], err = config.APIServers[i].complete("kube-apiserver"); err != nil {
			return config, err
		}
	}
	config.Nodes = slices.Clone(config.Nodes)
	for i := range config.Nodes {
		if config.Nodes[i].Component, err = config.Nodes[i].Component.complete("kubelet"); err != nil {
			return config, err
		}
	}
	for name, field := range map[string]**Component{
		"kube-controller-manager": &config.ControllerManager, "kube-scheduler": &config.Scheduler,
	} {
		if *field == nil {
			continue
		}
		completed, err := (*field).complete(name)
		if err != nil {
			return config, err
		}
		*field = &completed
	}
	return config, nil
}

func (component Component) complete(name string) (Component, error) {
	if component.Version != "" {
		component.Version = strings.TrimPrefix(component.Version, "v")
		return component, nil
	}
	var err error
	component.Version, err = binaries.Newest(name)
	return component, err
}

// path is the component's program.
func (component Component) path(ctx context.Context, name string) (string, error) {
	if component.Program != "" {
		return component.Program, nil
	}
	return binaries.Kubernetes(ctx, component.Version, name)
}

// gates is the value of --feature-gates.
func (component Component) gates() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(component.FeatureGates)) {
		all = append(all, name+"="+strconv.FormatBool(component.FeatureGates[name]))
	}
	return strings.Join(all, ",")
}

// with completes a component's command line.
func (component Component) with(flags ...string) []string {
	if gates := component.gates(); gates != "" {
		flags = append(flags, "--feature-gates="+gates)
	}
	return append(flags, component.Flags...)
}

// minorOf is 36 for "1.36" and for "1.36.3".
func minorOf(version string) int {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(parts[1])
	return n
}
