package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	clientv1 "k8s.io/client-go/kubernetes/typed/admissionregistration/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/image"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/internal/node"
)

type webhookClient = clientv1.MutatingWebhookConfigurationInterface

// WebhookPod describes a webhook server that runs in the cluster, as they do.
type WebhookPod struct {
	// Namespace is created when it is missing.
	Namespace string
	// Name of the pod, its Service and its secret.
	Name string
	// Node is the kubelet to run it on.
	Node *Kubelet
	// Strip takes the program test/webhooks/strip instead of package webhook.
	Strip bool
	// Labels of the pod, in addition to app=Name.
	Labels map[string]string
}

const webhookPort = 8443

// RunWebhook runs a webhook server in a pod behind a Service, port 443, and
// returns when it can be called.
func (c *Cluster) RunWebhook(ctx context.Context, w WebhookPod) (*WebhookServer, error) {
	if err := c.runWebhook(ctx, w); err != nil {
		return nil, fmt.Errorf("run webhook %s/%s: %w", w.Namespace, w.Name, err)
	}
	return &WebhookServer{client: admissionregistrationv1.WebhookClientConfig{
		Service:  &admissionregistrationv1.ServiceReference{Namespace: w.Namespace, Name: w.Name},
		CABundle: c.ca.pem,
	}}, nil
}

func (c *Cluster) runWebhook(ctx context.Context, w WebhookPod) error {
	if err := c.importWebhooks(ctx, w.Node); err != nil {
		return err
	}
	p, err := c.ca.server(w.Name+"."+w.Namespace+".svc", w.Name)
	if err != nil {
		return err
	}
	core := c.client.CoreV1()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}}
	if _, err := core.Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: w.Name}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: p.cert, corev1.TLSPrivateKeyKey: p.key},
	}
	if _, err := core.Secrets(w.Namespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return err
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: w.Name},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": w.Name},
			Ports:    []corev1.ServicePort{{Port: 443, TargetPort: intstr.FromInt32(webhookPort)}},
		},
	}
	if _, err := core.Services(w.Namespace).Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return err
	}
	err = poll(ctx, func() error { // until there is a service account
		_, err := core.Pods(w.Namespace).Create(ctx, w.pod(), metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	if c.config.ControllerManager == nil {
		if err := c.exposePod(ctx, w); err != nil {
			return err
		}
	}
	return poll(ctx, func() error { return c.callable(ctx, w) })
}

// exposePod makes the Service's endpoints once the pod is ready, as the controller manager would.
func (c *Cluster) exposePod(ctx context.Context, w WebhookPod) error {
	var pod *corev1.Pod
	err := poll(ctx, func() (err error) {
		if pod, err = c.client.CoreV1().Pods(w.Namespace).Get(ctx, w.Name, metav1.GetOptions{}); err != nil {
			return err
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("pod %s is not ready", w.Name)
	})
	if err != nil {
		return err
	}
	service, err := c.client.CoreV1().Services(w.Namespace).Get(ctx, w.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return c.expose(ctx, pod, service, webhookPort)
}

func (w WebhookPod) pod() *corev1.Pod {
	command := "/server"
	if w.Strip {
		command = "/strip"
	}
	labels := map[string]string{"app": w.Name}
	for key, value := range w.Labels {
		labels[key] = value
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: w.Name, Labels: labels},
		Spec: corev1.PodSpec{
			NodeName: w.Node.Name,
			Containers: []corev1.Container{{
				Name: "webhook", Image: webhookImage,
				Command:      []string{command, fmt.Sprintf(":%d", webhookPort), "/tls/" + corev1.TLSCertKey, "/tls/" + corev1.TLSPrivateKeyKey},
				Ports:        []corev1.ContainerPort{{ContainerPort: webhookPort}},
				VolumeMounts: []corev1.VolumeMount{{Name: "tls", MountPath: "/tls"}},
			}},
			Volumes: []corev1.Volume{{
				Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: w.Name}},
			}},
		},
	}
}

// callable asks through the service proxy, the way of the API server's own
// calls. Any answer will do: it is the webhook's.
func (c *Cluster) callable(ctx context.Context, w WebhookPod) error {
	path := fmt.Sprintf("/api/v1/namespaces/%s/services/https:%s:443/proxy/", w.Namespace, w.Name)
	_, err := c.client.RESTClient().Get().AbsPath(path).DoRaw(ctx)
	if apierrors.IsServiceUnavailable(err) || apierrors.IsNotFound(err) {
		return err
	}
	return nil
}

func poll(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// importWebhooks gives the node the image with the webhook programs.
func (c *Cluster) importWebhooks(ctx context.Context, k *Kubelet) error {
	files, err := webhookPrograms(ctx)
	if err != nil {
		return err
	}
	archive := c.webhookArchive()
	if err := (image.Image{Name: webhookImage, Files: files, Entrypoint: []string{"/server"}}).WriteFile(archive); err != nil {
		return err
	}
	return k.Import(ctx, archive)
}

// Import gives the node an image from an archive, see package image.
func (k *Kubelet) Import(ctx context.Context, archive string) error {
	args := append(k.Exec(), node.ImportCommand(archive)...)
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("import an image into %s: %w: %s", k.Name, err, out)
	}
	return nil
}
