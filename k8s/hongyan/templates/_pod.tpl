{{/* The pod of every service. (dict "root" $ "key" "verify" "component" {…}) */}}
{{- define "hongyan.podTemplate" -}}
{{- $root := .root }}
{{- $values := $root.Values }}
{{- $own := get $values .key }}
{{- $pod := mergeOverwrite (deepCopy $values.pod) (deepCopy $own.pod) }}
{{- $given := include "hongyan.givenSettings" . | fromYaml }}
{{- $name := .component.name }}
metadata:
  labels:
    {{- include "hongyan.componentSelector" (dict "root" $root "name" $name) | nindent 4 }}
    app.kubernetes.io/part-of: hongyan
    {{- with $pod.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Settings are read at the start only: a change must make new pods. Catalog, method table, certificates and keys are
    # followed by the running process and make none.
    checksum/settings: {{ include "hongyan.settings" . | sha256sum }}
    kubectl.kubernetes.io/default-container: {{ .component.program }}
    {{- with $pod.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "hongyan.fullname" $root }}-{{ $name }}
  automountServiceAccountToken: false
  # The kubelet would set variables named after Services; those that begin with HONGYAN_ are settings, and an unknown one
  # is refused.
  enableServiceLinks: false
  # The drain ends by itself within drain.timeout_ms; the kubelet's SIGKILL is for what hangs.
  terminationGracePeriodSeconds: {{ add (ceil (divf $given.drain.timeout_ms 1000)) 15 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pod.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $pod.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pod.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pod.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq .component.kind "Deployment" }}
  topologySpreadConstraints:
    {{- range $topology := $values.spread.topologyKeys }}
    - maxSkew: 1
      topologyKey: {{ $topology }}
      whenUnsatisfiable: {{ $values.spread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "hongyan.componentSelector" (dict "root" $root "name" $name) | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .component.program }}
      image: {{ include "hongyan.image" $root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command: [/usr/local/bin/{{ .component.program }}]
      args: [--config, /etc/hongyan/settings/settings.yaml]
      {{- if or $pod.env $values.redis.ca }}
      env:
        {{- if $values.redis.ca }}
        - name: SSL_CERT_FILE
          value: /etc/hongyan/redis-ca/ca.crt
        {{- end }}
        {{- with $pod.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      ports:
        - name: grpc
          containerPort: {{ include "hongyan.grpcPort" $root }}
        - name: admin
          containerPort: {{ include "hongyan.adminPort" $root }}
        {{- if eq .key "carrierLink" }}
        {{- range $own.gateways }}
        - containerPort: {{ .port }}
        {{- end }}
        {{- end }}
        {{- if eq .key "audit" }}
        {{- with include "hongyan.logsPort" $root }}
        - name: logs
          containerPort: {{ . }}
        {{- end }}
        {{- end }}
      # The admin port answers before the service is built, so that a long start (audit-svc reads its journal) shows as
      # alive and not ready.
      startupProbe:
        httpGet: {path: /healthz, port: admin}
        periodSeconds: 1
        timeoutSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /healthz, port: admin}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: admin}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 2
      resources:
        {{- toYaml $own.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        {{- include "hongyan.volumeMounts" . | nindent 8 }}
  volumes:
    {{- include "hongyan.volumes" . | nindent 4 }}
{{- end }}

{{/* Directories, never subPath: a file mounted by subPath stays as it was when the pod started. */}}
{{- define "hongyan.volumeMounts" -}}
- {name: settings, mountPath: /etc/hongyan/settings, readOnly: true}
- {name: method-table, mountPath: /etc/hongyan/method-table, readOnly: true}
- {name: identity, mountPath: /run/hongyan/identity, readOnly: true}
{{- if .root.Values.redis.passwordSecret.name }}
- {name: redis, mountPath: /run/hongyan/redis, readOnly: true}
{{- end }}
{{- if .root.Values.redis.ca }}
- {name: redis-ca, mountPath: /etc/hongyan/redis-ca, readOnly: true}
{{- end }}
{{- if .component.catalog }}
- {name: catalog, mountPath: /etc/hongyan/catalog, readOnly: true}
{{- end }}
{{- if .component.keyring }}
- {name: keyring, mountPath: /run/hongyan/keyring, readOnly: true}
{{- end }}
{{- if eq .key "carrierLink" }}
- {name: links, mountPath: /run/hongyan/links, readOnly: true}
{{- else if eq .key "verify" }}
{{- range .root.Values.verify.upstreams }}
{{- if .apiKey }}
- {name: upstream-key-{{ .name }}, mountPath: /run/hongyan/upstreams/{{ .name }}, readOnly: true}
{{- end }}
{{- if .ca }}
- {name: upstream-ca-{{ .name }}, mountPath: /etc/hongyan/upstreams/{{ .name }}, readOnly: true}
{{- end }}
{{- end }}
{{- else if eq .key "audit" }}
- {name: record, mountPath: /var/lib/hongyan/record}
- {name: signing-key, mountPath: /run/hongyan/record, readOnly: true}
- {name: record-kek, mountPath: /run/hongyan/record-kek, readOnly: true}
{{- if .root.Values.audit.bucket.secretName }}
- {name: record-bucket, mountPath: /run/hongyan/record-bucket, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{- define "hongyan.volumes" -}}
{{- $root := .root }}
{{- $values := $root.Values }}
{{- $fullname := include "hongyan.fullname" $root }}
- name: settings
  configMap:
    name: {{ $fullname }}-{{ .component.name }}-settings
- name: method-table
  configMap:
    name: {{ $fullname }}-method-table
- name: identity
  {{- include "hongyan.identityVolume" . | nindent 2 }}
{{- with $values.redis.passwordSecret }}
{{- if .name }}
- name: redis
  {{- include "hongyan.secretVolume" (dict "name" .name "key" .key "path" "password") | nindent 2 }}
{{- end }}
{{- end }}
{{- with $values.redis.ca }}
- name: redis-ca
  {{- include "hongyan.caVolume" . | nindent 2 }}
{{- end }}
{{- if .component.catalog }}
- name: catalog
  configMap:
    name: {{ include "hongyan.catalogName" $root }}
{{- end }}
{{- if .component.keyring }}
- name: keyring
  {{- include "hongyan.secretVolume" (dict "name" $values.keyring.secretName "key" $values.keyring.key "path" "keyring.json") | nindent 2 }}
{{- end }}
{{- if eq .key "carrierLink" }}
- name: links
  secret:
    secretName: {{ $values.carrierLink.secretName }}
    defaultMode: 0440
{{- else if eq .key "verify" }}
{{- range $values.verify.upstreams }}
{{- if .apiKey }}
- name: upstream-key-{{ .name }}
  {{- include "hongyan.secretVolume" (dict "name" .apiKey.secret "key" .apiKey.key "path" "api-key") | nindent 2 }}
{{- end }}
{{- if .ca }}
- name: upstream-ca-{{ .name }}
  {{- include "hongyan.caVolume" .ca | nindent 2 }}
{{- end }}
{{- end }}
{{- else if eq .key "audit" }}
- name: signing-key
  {{- include "hongyan.secretVolume" (dict "name" $values.audit.signingKey.secretName "key" $values.audit.signingKey.key "path" "signing.key") | nindent 2 }}
- name: record-kek
  {{- include "hongyan.secretVolume" (dict "name" $values.audit.kek.secretName "key" $values.audit.kek.key "path" "kek.json") | nindent 2 }}
{{- with $values.audit.bucket }}
{{- if .secretName }}
- name: record-bucket
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
    items:
      - {key: {{ .accessKey | quote }}, path: access-key}
      - {key: {{ .secretKey | quote }}, path: secret-key}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* (dict "name" of the Secret, "key" in it, "path" of the file) */}}
{{- define "hongyan.secretVolume" -}}
secret:
  secretName: {{ .name }}
  defaultMode: 0440
  items:
    - {key: {{ .key | quote }}, path: {{ .path }}}
{{- end }}

{{/* (dict "configMap" or "secret", "key") */}}
{{- define "hongyan.caVolume" -}}
{{- if .secret -}}
{{ include "hongyan.secretVolume" (dict "name" .secret "key" .key "path" "ca.crt") }}
{{- else -}}
configMap:
  name: {{ .configMap }}
  items:
    - {key: {{ .key | quote }}, path: ca.crt}
{{- end }}
{{- end }}

{{- define "hongyan.identityVolume" -}}
{{- $identity := .root.Values.identity }}
{{- if eq $identity.source "csi" -}}
csi:
  driver: csi.cert-manager.io
  readOnly: true
  volumeAttributes:
    csi.cert-manager.io/issuer-name: {{ $identity.csi.issuerName | quote }}
    csi.cert-manager.io/issuer-kind: {{ $identity.csi.issuerKind | quote }}
    csi.cert-manager.io/issuer-group: {{ $identity.csi.issuerGroup | quote }}
    csi.cert-manager.io/uri-sans: {{ printf "spiffe://%s/svc/%s" (include "hongyan.trustDomain" .root) .component.name | quote }}
    csi.cert-manager.io/key-usages: "digital signature,key encipherment,server auth,client auth"
    csi.cert-manager.io/key-encoding: PKCS8
    csi.cert-manager.io/duration: {{ $identity.csi.duration | quote }}
    csi.cert-manager.io/certificate-file: {{ $identity.files.cert | quote }}
    csi.cert-manager.io/privatekey-file: {{ $identity.files.key | quote }}
    csi.cert-manager.io/ca-file: {{ $identity.files.roots | quote }}
    csi.cert-manager.io/fs-group: "65532"
{{- else if eq $identity.source "secret" -}}
secret:
  secretName: {{ printf "%s%s%s" $identity.secret.prefix .component.name $identity.secret.suffix }}
  defaultMode: 0440
{{- else -}}
{{- toYaml $identity.volume | replace "{service}" .component.name }}
{{- end }}
{{- end }}
