package e2e

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// viewed are the kinds that an expression can speak of, each as a list of objects.
var viewed = []schema.GroupVersionResource{
	{Version: "v1", Resource: "pods"}, {Version: "v1", Resource: "events"},
	{Group: "batch", Version: "v1", Resource: "jobs"}, {Group: "batch", Version: "v1", Resource: "cronjobs"},
	{Group: "apps", Version: "v1", Resource: "deployments"}, {Group: "apps", Version: "v1", Resource: "replicasets"},
	{Group: "apps", Version: "v1", Resource: "statefulsets"}, {Group: "apps", Version: "v1", Resource: "daemonsets"},
}

// containersVariable is the container statuses of all pods of the namespace.
const containersVariable = "containers"

func compile(expression string) (cel.Program, error) {
	options := []cel.EnvOption{cel.Variable(containersVariable, cel.ListType(cel.DynType))}
	for _, kind := range viewed {
		options = append(options, cel.Variable(kind.Resource, cel.ListType(cel.DynType)))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	return env.Program(ast)
}

// A view is what a cluster shows, read again and again for all situations at once.
type view struct {
	mu         sync.Mutex
	cond       *sync.Cond
	namespaces map[string]map[string]any
	err        error
	round      int
}

func watchCluster(ctx context.Context, config *rest.Config) (*view, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	v := &view{}
	v.cond = sync.NewCond(&v.mu)
	go func() {
		for ctx.Err() == nil {
			seen, err := look(ctx, client)
			v.mu.Lock()
			v.namespaces, v.err = seen, err
			v.round++
			v.cond.Broadcast()
			v.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
		v.cond.Broadcast()
	}()
	return v, nil
}

func look(ctx context.Context, client dynamic.Interface) (map[string]map[string]any, error) {
	seen := map[string]map[string]any{}
	of := func(namespace string) map[string]any {
		if seen[namespace] == nil {
			seen[namespace] = map[string]any{containersVariable: []any{}}
			for _, kind := range viewed {
				seen[namespace][kind.Resource] = []any{}
			}
		}
		return seen[namespace]
	}
	for _, kind := range viewed {
		list, err := client.Resource(kind).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return nil, err
		}
		for _, object := range list.Items {
			of := of(object.GetNamespace())
			of[kind.Resource] = append(of[kind.Resource].([]any), object.Object)
			if kind.Resource == "pods" {
				of[containersVariable] = append(of[containersVariable].([]any), statuses(object)...)
			}
		}
	}
	return seen, nil
}

func statuses(pod unstructured.Unstructured) []any {
	var all []any
	for _, field := range []string{"initContainerStatuses", "containerStatuses"} {
		list, _, _ := unstructured.NestedSlice(pod.Object, "status", field)
		all = append(all, list...)
	}
	return all
}

// wait returns when the expression is true of the namespace. What an expression speaks of may not
// be there yet, so an error of its evaluation only means: not yet.
func (v *view) wait(ctx context.Context, namespace, expression string, within time.Duration) error {
	program, err := compile(expression)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	stop := context.AfterFunc(ctx, v.cond.Broadcast)
	defer stop()
	v.mu.Lock()
	defer v.mu.Unlock()
	var last any = "nothing seen"
	for {
		if seen := v.namespaces[namespace]; seen != nil {
			value, _, err := program.Eval(seen)
			if err == nil && value.Value() == true {
				return nil
			}
			last = value
		}
		if ctx.Err() != nil {
			return fmt.Errorf("not seen within %v: %s (%v, %v)", within, expression, last, v.err)
		}
		v.cond.Wait()
	}
}
