package cluster

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Software is a program of others that runs on this machine instead of in a pod, with the rights of its service account.
type Software struct {
	// Name is that of its pod, and of its log.
	Name string
	Path string
	// Args are its arguments, in which $(KUBECONFIG) is the path of its kubeconfig.
	Args []string
	// Env is what it gets besides KUBECONFIG.
	Env []string
	// Namespace and Account are those of its pod; both exist.
	Namespace, Account string
	// Service is the one that its manifests put in front of it; Port is where the program listens for that one.
	Service string
	Port    int32
	// Image is what its pod says.
	Image string
}

// RunSoftware starts the program, puts it behind its Service with a pod that looks like it, and returns when it listens.
func (c *Cluster) RunSoftware(ctx context.Context, s Software) error {
	fail := func(err error) error { return fmt.Errorf("run %s: %w", s.Name, err) }
	kubeconfig, err := c.UserKubeconfig("system:serviceaccount:"+s.Namespace+":"+s.Account,
		"system:serviceaccounts", "system:serviceaccounts:"+s.Namespace, "system:authenticated")
	if err != nil {
		return fail(err)
	}
	service, err := c.client.CoreV1().Services(s.Namespace).Get(ctx, s.Service, metav1.GetOptions{})
	if err != nil {
		return fail(err)
	}
	if err := c.standIn(ctx, service, s.Name, s.Image, s.Port); err != nil {
		return fail(err)
	}
	args := slices.Clone(s.Args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "$(KUBECONFIG)", kubeconfig)
	}
	child, err := c.start(program{name: s.Name, path: s.Path, args: args, env: append([]string{"KUBECONFIG=" + kubeconfig}, s.Env...)})
	if err != nil {
		return fail(err)
	}
	address := net.JoinHostPort(c.Host(), strconv.Itoa(int(s.Port)))
	return child.wait(ctx, func(context.Context) error { return dial(address) })
}

// standIn makes a ready pod that a Service selects, at a port of this machine, and the endpoints of both.
func (c *Cluster) standIn(ctx context.Context, service *corev1.Service, name, image string, port int32) error {
	pods, yes, no := c.client.CoreV1().Pods(service.Namespace), true, false
	pod, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: service.Spec.Selector},
		Spec: corev1.PodSpec{
			// What Pod Security "restricted" wants, which the namespaces of admission software often ask for.
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{Name: "webhook", Image: image, SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			}}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	pod.Status.Phase = corev1.PodRunning
	pod.Status.PodIP, pod.Status.PodIPs = c.Host(), []corev1.PodIP{{IP: c.Host()}}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	if pod, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
		return err
	}
	return c.expose(ctx, pod, service, port)
}
