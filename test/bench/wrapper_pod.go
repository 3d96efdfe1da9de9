//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/image"
)

const (
	runImage  = "kubectl-sidecar.dev/bench/sidecar-run:1"
	sidecarAt = "http://127.0.0.1:15001/"
	// podLoop is the loop for the sidecar of the pods, of which any page tells that it is ready.
	podLoop = `until curl -fs -o /dev/null "$0"; do sleep 1; done; "$@"; x=$?; curl -fs -o /dev/null -X POST "$0"quitquitquit; exit $x`
)

// An inPod is what one pod took.
type inPod struct {
	start time.Duration // from when the sidecar is ready to when the command runs
	end   time.Duration // from when the command has exited to when the API says that the pod has succeeded
}

// wrapperPods compares the two on a kubelet without native sidecars, where people need them.
func (b *bench) wrapperPods(ctx context.Context, program string) error {
	if err := cluster.CanRunNodes(); err != nil {
		say("no pods with sidecar-run: %v", err)
		return nil
	}
	c, err := cluster.Start(ctx, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.28"}},
		Nodes:      []cluster.Node{{Name: "old", Component: cluster.Component{Version: "1.27"}}},
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Stop() }()
	archive := filepath.Join(b.dir, "sidecar-run.tar")
	if err := (image.Image{Name: runImage, Files: map[string]string{"/sidecar-run": program}, Entrypoint: []string{"/sidecar-run"}}).WriteFile(archive); err != nil {
		return err
	}
	if err := c.Kubelets[0].Import(ctx, archive); err != nil {
		return err
	}
	var ours, other []inPod
	for i := range b.sizes.repeat {
		late := 1100*time.Millisecond + time.Duration(i)*237*time.Millisecond // anywhere in the loop's second
		for list, command := range map[*[]inPod][]string{
			&ours:  {"/run/bench/sidecar-run", "--wait", sidecarAt, "--quit", sidecarAt + "quitquitquit", "--"},
			&other: {"sh", "-c", podLoop, sidecarAt},
		} {
			p, err := b.onePodOf(ctx, c, late, command)
			if err != nil {
				return err
			}
			*list = append(*list, p)
		}
	}
	compare(b, "in pods, on a kubelet of 1.27: from sidecar ready to command started", 0.2, ours, other, func(p inPod) time.Duration { return p.start })
	compare(b, "the same: from command exited to pod succeeded", 1.1, ours, other, func(p inPod) time.Duration { return p.end })
	return nil
}

// onePodOf runs a pod to its end. Its containers see this machine's programs, for a shell, and write the times of
// this machine's clock.
func (b *bench) onePodOf(ctx context.Context, c *cluster.Cluster, late time.Duration, command []string) (inPod, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	in, err := os.MkdirTemp(b.dir, "pod-")
	if err != nil {
		return inPod{}, err
	}
	if err := os.Chmod(in, 0o777); err != nil {
		return inPod{}, err
	}
	made, err := c.Client().CoreV1().Pods("default").Create(ctx, wrappedPod(in, late, command), metav1.CreateOptions{})
	if err != nil {
		return inPod{}, err
	}
	over, err := succeeded(ctx, c, made.Name)
	if err != nil {
		return inPod{}, err
	}
	at := map[string]time.Time{}
	for _, name := range []string{"ready", "started", "exited"} {
		if at[name], err = stamp(filepath.Join(in, name)); err != nil {
			return inPod{}, err
		}
	}
	none := int64(0)
	err = c.Client().CoreV1().Pods("default").Delete(ctx, made.Name, metav1.DeleteOptions{GracePeriodSeconds: &none})
	return inPod{start: at["started"].Sub(at["ready"]), end: over.Sub(at["exited"])}, err
}

// wrappedPod is a pod whose sidecar is ready late, and whose main container needs it.
func wrappedPod(in string, late time.Duration, command []string) *corev1.Pod {
	mounts := []corev1.VolumeMount{{Name: "run", MountPath: "/run/bench"}, {Name: "times", MountPath: "/times"}}
	volumes := []corev1.Volume{
		{Name: "run", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{Name: "times", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: in}}},
	}
	for _, dir := range []string{"bin", "lib", "lib64", "usr"} {
		if _, err := os.Stat("/" + dir); err != nil {
			continue
		}
		volumes = append(volumes, corev1.Volume{Name: dir, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/" + dir}}})
		mounts = append(mounts, corev1.VolumeMount{Name: dir, MountPath: "/" + dir, ReadOnly: true})
	}
	container := func(name string, command ...string) corev1.Container {
		return corev1.Container{
			Name: name, Image: cluster.ToolImage, Command: command, VolumeMounts: mounts,
			Env:       []corev1.EnvVar{{Name: "PATH", Value: "/usr/bin:/bin"}},
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1m")}},
		}
	}
	main := `date +%s%N >/times/started; date +%s%N >/times/exited`
	side := fmt.Sprintf(`sleep %.3f; date +%%s%%N >/times/ready; exec /tool serve :15001`, late.Seconds())
	no := false
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "wrapped-"},
		Spec: corev1.PodSpec{
			NodeName: "old", RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: &no, Volumes: volumes,
			InitContainers: []corev1.Container{{
				Name: "install", Image: runImage, Args: []string{"--install", "/run/bench"}, VolumeMounts: mounts[:1],
			}},
			Containers: []corev1.Container{
				container("main", append(command, "sh", "-c", main)...),
				container("sidecar", "sh", "-c", side),
			},
		},
	}
}

// succeeded is when the API says so, on this machine's clock.
func succeeded(ctx context.Context, c *cluster.Cluster, name string) (time.Time, error) {
	w, err := c.Client().CoreV1().Pods("default").Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
	if err != nil {
		return time.Time{}, err
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		p, ok := event.Object.(*corev1.Pod)
		switch {
		case !ok:
			return time.Time{}, fmt.Errorf("watching pod %s: %v", name, event.Object)
		case p.Status.Phase == corev1.PodSucceeded:
			return time.Now(), nil
		case p.Status.Phase == corev1.PodFailed:
			return time.Time{}, fmt.Errorf("pod %s failed: %+v", name, p.Status.ContainerStatuses)
		}
	}
	return time.Time{}, fmt.Errorf("pod %s has not ended: %w", name, ctx.Err())
}
