package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/webhook"
)

// webhookServicePort is where the API server calls a webhook's Service.
const webhookServicePort = 443

// ServeWebhooksBehind serves the behaviors of package webhook in this process, behind a Service of
// an existing namespace. Its endpoint looks like a pod with that image: the API server dials nothing
// else, and neither does the service proxy. It needs no kubelet and no controller manager.
func (c *Cluster) ServeWebhooksBehind(ctx context.Context, namespace, name, image string) (*WebhookServer, error) {
	fail := func(err error) (*WebhookServer, error) {
		return nil, fmt.Errorf("serve webhooks behind service %s/%s: %w", namespace, name, err)
	}
	p, err := c.ca.server(name+"."+namespace+".svc", c.Host())
	if err != nil {
		return fail(err)
	}
	serving, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		return fail(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(c.Host(), "0"))
	if err != nil {
		return fail(err)
	}
	handler := &webhook.Handler{}
	server := webhook.Server(handler)
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{serving}}
	server.ErrorLog = log.New(io.Discard, "", 0)
	go func() { _ = server.ServeTLS(listener, "", "") }()
	c.onStop(func() { server.Close() })
	port := int32(listener.Addr().(*net.TCPAddr).Port)
	if err := c.exposeHere(ctx, namespace, name, image, port); err != nil {
		return fail(err)
	}
	return &WebhookServer{Handler: handler, client: admissionregistrationv1.WebhookClientConfig{
		Service:  &admissionregistrationv1.ServiceReference{Namespace: namespace, Name: name},
		CABundle: c.ca.pem,
	}}, nil
}

// exposeHere makes what a Service with one ready pod is made of, for a port of this machine.
func (c *Cluster) exposeHere(ctx context.Context, namespace, name, image string, port int32) error {
	service, err := c.client.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Port: 443}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	return c.standIn(ctx, service, name, image, port)
}

// expose makes what the controller manager would make of a Service: endpoints of the port for webhooks, with one ready pod.
func (c *Cluster) expose(ctx context.Context, pod *corev1.Pod, service *corev1.Service, port int32) error {
	named := portName(service)
	target := &corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}
	//lint:ignore SA1019 the service proxy reads Endpoints, and nothing else
	if _, err := c.client.CoreV1().Endpoints(pod.Namespace).Create(ctx, &corev1.Endpoints{
		ObjectMeta: metav1.ObjectMeta{Name: service.Name},
		//lint:ignore SA1019 as above
		Subsets: []corev1.EndpointSubset{{
			Addresses: []corev1.EndpointAddress{{IP: pod.Status.PodIP, TargetRef: target}},
			Ports:     []corev1.EndpointPort{{Name: named, Port: port}},
		}},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	// The API server's own calls look at EndpointSlices.
	ready := true
	_, err := c.client.DiscoveryV1().EndpointSlices(pod.Namespace).Create(ctx, &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: service.Name, Labels: map[string]string{discoveryv1.LabelServiceName: service.Name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{pod.Status.PodIP}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}, TargetRef: target,
		}},
		Ports: []discoveryv1.EndpointPort{{Name: &named, Port: &port}},
	}, metav1.CreateOptions{})
	return err
}

// portName is the name of the port that webhook configurations mean unless they say another, or else of the only one.
func portName(service *corev1.Service) string {
	for _, port := range service.Spec.Ports {
		if port.Port == webhookServicePort {
			return port.Name
		}
	}
	return service.Spec.Ports[0].Name
}
