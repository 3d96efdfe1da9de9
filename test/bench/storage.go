//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// A storage writes objects into etcd as the API server stores them, which then finds them there. A
// hundred thousand creates would take this machine longer than all that is to be measured.
type storage struct {
	url    string // of etcd's JSON gateway
	writer sync.WaitGroup
	queue  chan []put

	mu   sync.Mutex
	err  error
	puts []put
}

type put struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// perTransaction is less than etcd's --max-txn-ops (128), and of pods less than its 1.5 MB.
const perTransaction = 100

func newStorage(ctx context.Context, host string) *storage {
	s := &storage{url: "http://" + host + ":2379/v3/kv/txn", queue: make(chan []put)}
	for range 4 {
		s.writer.Go(func() {
			for puts := range s.queue {
				if err := s.send(ctx, puts); err != nil {
					s.mu.Lock()
					s.err = err
					s.mu.Unlock()
				}
			}
		})
	}
	return s
}

// encoders write what the API server stores: protobuf, with the type before it.
var encoders = func() map[schema.GroupVersion]runtime.Encoder {
	out := map[schema.GroupVersion]runtime.Encoder{}
	for _, gv := range []schema.GroupVersion{corev1.SchemeGroupVersion, appsv1.SchemeGroupVersion, batchv1.SchemeGroupVersion} {
		out[gv] = scheme.Codecs.EncoderForVersion(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), gv)
	}
	return out
}()

// add writes an object, at some time before done returns.
func (s *storage) add(object runtime.Object) error {
	gvks, _, err := scheme.Scheme.ObjectKinds(object)
	if err != nil {
		return err
	}
	meta := object.(metav1.Object)
	meta.SetResourceVersion("") // it is the revision of the key
	var value bytes.Buffer
	if err := encoders[gvks[0].GroupVersion()].Encode(object, &value); err != nil {
		return err
	}
	resource := strings.ToLower(gvks[0].Kind) + "s"
	key := fmt.Sprintf("/registry/%s/%s/%s", resource, meta.GetNamespace(), meta.GetName())
	s.mu.Lock()
	s.puts = append(s.puts, put{[]byte(key), value.Bytes()})
	var full []put
	if len(s.puts) == perTransaction {
		full, s.puts = s.puts, nil
	}
	s.mu.Unlock()
	if full != nil {
		s.queue <- full
	}
	return nil
}

// done waits until all is written.
func (s *storage) done() error {
	if len(s.puts) > 0 {
		s.queue <- s.puts
	}
	close(s.queue)
	s.writer.Wait()
	return s.err
}

func (s *storage) send(ctx context.Context, puts []put) error {
	type op struct {
		Put put `json:"requestPut"`
	}
	var txn struct {
		Success []op `json:"success"`
	}
	for _, p := range puts {
		txn.Success = append(txn.Success, op{p})
	}
	body, err := json.Marshal(txn)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("write to etcd: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("write to etcd: %s: %s (%w)", resp.Status, answer, err)
	}
	return nil
}
