use super::Lowering;
impl Lowering<'_, '_> {
    pub(super) fn local_services(&mut self) {}
}
