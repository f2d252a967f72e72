// The panel as an XRQuadLayer, where the device composites layers: it samples our pixels once, at the display's own resolution,
// instead of by way of the eye buffer, which is what keeps small text sharp. The layer lies under the projection layer; the panel's meshes
// stay in the scene and punch a transparent hole through it, so that beams, hands and cursors still pass in front.
// Where there are no layers, `attach` gives undefined and the meshes show the same pixels with mipmaps and anisotropy.

import * as THREE from 'three';
import { kInset, type Board } from './board';
import { kPixelsPerDmm } from './theme';

interface QuadLayer extends XRCompositionLayer {
  transform: XRRigidTransform;
  width: number;
  height: number;
}

interface LayerBinding {
  createQuadLayer(init: object): QuadLayer;
  getSubImage(layer: QuadLayer, frame: XRFrame): { colorTexture: WebGLTexture; viewport: { x: number; y: number } };
}

export class PanelLayer {
  private readonly gl: WebGL2RenderingContext;
  private readonly from: WebGLFramebuffer;
  private readonly to: WebGLFramebuffer;
  private readonly hole = new THREE.MeshBasicMaterial({ color: 0x000000, opacity: 0, transparent: true, blending: THREE.NoBlending, toneMapped: false });
  private readonly position = new THREE.Vector3();
  private copied = -1;
  private readonly followed = new THREE.Matrix4().makeScale(0, 0, 0);

  private constructor(
    private readonly renderer: THREE.WebGLRenderer,
    private readonly binding: LayerBinding,
    private readonly board: Board,
    private readonly layer: QuadLayer,
    private readonly width: number,
    private readonly height: number,
  ) {
    this.gl = renderer.getContext() as WebGL2RenderingContext;
    this.from = this.gl.createFramebuffer();
    this.to = this.gl.createFramebuffer();
    board.picture.mesh.material = this.hole;
    if (board.ring !== undefined) board.ring.surface.mesh.material = this.hole;
  }

  /** Call after the renderer has its session, and again after the board was resized. */
  static attach(renderer: THREE.WebGLRenderer, session: XRSession, space: XRReferenceSpace, board: Board): PanelLayer | undefined {
    const projection = renderer.xr.getBaseLayer();
    const Binding = (globalThis as { XRWebGLBinding?: { prototype: object } }).XRWebGLBinding;
    if (projection === null || Binding === undefined || !('createQuadLayer' in Binding.prototype)) return undefined;
    try {
      const binding = renderer.xr.getBinding() as unknown as LayerBinding;
      const { width, height } = board.picture;
      const layer = binding.createQuadLayer({
        space, width: 0.5, height: 0.5, viewPixelWidth: width, viewPixelHeight: height,
        colorFormat: renderer.getContext() instanceof WebGL2RenderingContext ? WebGL2RenderingContext.SRGB8_ALPHA8 : undefined,
        layout: 'mono',
      });
      session.updateRenderState({ layers: [layer, projection as XRLayer] } as XRRenderStateInit);
      return new PanelLayer(renderer, binding, board, layer, width, height);
    } catch {
      return undefined; // granted on paper only: the mesh is always there
    }
  }

  /** Once per frame, after the board was painted. */
  update(frame: XRFrame): void {
    this.follow();
    const version = this.board.picture.version + (this.board.ring?.surface.version ?? 0) + (this.board.ring?.surface.mesh.visible === true ? 0.5 : 0);
    if (version === this.copied && !this.layer.needsRedraw) return;
    this.copied = version;
    this.copy(this.binding.getSubImage(this.layer, frame));
  }

  dispose(): void {
    this.gl.deleteFramebuffer(this.from);
    this.gl.deleteFramebuffer(this.to);
    this.hole.dispose();
    this.layer.destroy();
  }

  /** The layer's place is the picture's place; XRQuadLayer counts half widths. */
  private follow(): void {
    const { group } = this.board;
    if (this.followed.equals(group.matrixWorld)) return;
    this.followed.copy(group.matrixWorld);
    const mesh = this.board.picture.mesh;
    mesh.getWorldPosition(this.position);
    const { x, y, z, w } = group.quaternion;
    this.layer.transform = new XRRigidTransform({ x: this.position.x, y: this.position.y, z: this.position.z }, { x, y, z, w });
    this.layer.width = (mesh.scale.x * group.scale.x) / 2;
    this.layer.height = (mesh.scale.y * group.scale.x) / 2;
  }

  private copy(image: { colorTexture: WebGLTexture; viewport: { x: number; y: number } }): void {
    const { gl, board } = this;
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, this.to);
    gl.framebufferTexture2D(gl.DRAW_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, image.colorTexture, 0);
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, this.from);
    gl.disable(gl.SCISSOR_TEST);
    this.source(board.picture.texture);
    this.blit(0, this.height, 0, 0, this.width);
    if (board.ring !== undefined && board.ring.surface.mesh.visible) this.copyRing(board.ring);
    gl.framebufferTexture2D(gl.DRAW_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, null, 0);
    gl.framebufferTexture2D(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, null, 0);
    this.renderer.resetState();
  }

  private copyRing(ring: NonNullable<Board['ring']>): void {
    const { surface, rect } = ring;
    this.source(surface.texture);
    const left = Math.round((rect.x - kInset) * kPixelsPerDmm);
    const top = Math.round((rect.y - kInset) * kPixelsPerDmm);
    const row = surface.rowOf(surface.scroll);
    const first = Math.min(surface.height, surface.rows - row);
    this.blit(row, first, top, left, surface.width);
    if (first < surface.height) this.blit(0, surface.height - first, top + first, left, surface.width);
  }

  private source(texture: THREE.Texture): void {
    const { gl } = this;
    const { __webglTexture } = this.renderer.properties.get(texture) as { __webglTexture: WebGLTexture };
    gl.framebufferTexture2D(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, __webglTexture, 0);
  }

  /** Rows of ours count from the top, rows of the layer from the bottom. */
  private blit(row: number, count: number, top: number, left: number, width: number): void {
    const { gl } = this;
    const bottom = this.height - top;
    gl.blitFramebuffer(0, row, width, row + count, left, bottom, left + width, bottom - count, gl.COLOR_BUFFER_BIT, gl.NEAREST);
  }
}
